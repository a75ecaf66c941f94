# The key management service. Its own seal is a key file: whoever has that file and ./var/openbao has the key that wraps all others. Better:
# a seal that another service opens (https://openbao.org/docs/configuration/seal/).
storage "raft" {
  path    = "/openbao/file"
  node_id = "openbao"
}

listener "tcp" {
  address         = "0.0.0.0:8200"
  tls_cert_file   = "/run/secrets/openbao.pem"
  tls_key_file    = "/run/secrets/openbao.key"
  tls_min_version = "tls13"
}

seal "static" {
  current_key_id = "1"
  current_key    = "file:///run/secrets/unseal.key"
}

api_addr      = "https://openbao:8200"
cluster_addr  = "https://openbao:8201"
disable_mlock = true
max_lease_ttl = "87600h"
ui            = false
