#!/bin/sh
# Once: opens OpenBao, makes the key that wraps all others, and a token that may wrap and unwrap with it and nothing else; its name stands in
# TOKEN_FILE. The recovery key, for a root token later, is left in RECOVERY_DIR: take it away from this machine. Run again, it changes nothing.
set -eu
seconds=0
until bao status >/dev/null 2>&1 || [ $? -eq 2 ]; do
  seconds=$((seconds + 1))
  [ "$seconds" -lt 60 ] || { echo "OpenBao does not answer at $BAO_ADDR." >&2; exit 1; }
  sleep 1
done
if ! bao operator init -status >/dev/null 2>&1; then
  umask 077
  bao operator init -recovery-shares=1 -recovery-threshold=1 >"$RECOVERY_DIR/recovery.txt"
fi
until bao status >/dev/null 2>&1; do sleep 1; done
if BAO_TOKEN=$(cat "$TOKEN_FILE") bao write transit/encrypt/muniment plaintext=AAAA >/dev/null 2>&1; then
  echo "The key is there, and so is the token."
  exit 0
fi
BAO_TOKEN=$(sed -n 's/^Initial Root Token: //p' "$RECOVERY_DIR/recovery.txt" 2>/dev/null || true)
[ -n "$BAO_TOKEN" ] || { echo "The token has ended, and there is no root token: see docs/operations/scale.md." >&2; exit 1; }
export BAO_TOKEN
bao secrets enable transit >/dev/null 2>&1 || bao read transit/keys/muniment >/dev/null
bao write -force transit/keys/muniment type=aes256-gcm96 >/dev/null
bao policy write muniment - <<'POLICY' >/dev/null
path "transit/encrypt/muniment" { capabilities = ["update"] }
path "transit/decrypt/muniment" { capabilities = ["update"] }
POLICY
bao token create -id="$(cat "$TOKEN_FILE")" -orphan -policy=muniment -no-default-policy -ttl=8760h -display-name=muniment >/dev/null
bao token revoke -self >/dev/null
sed -i '/^Initial Root Token: /d' "$RECOVERY_DIR/recovery.txt"
echo "The key that wraps all others was made. Take $RECOVERY_DIR/recovery.txt away from this machine."
