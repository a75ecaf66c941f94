"""What can be done, named once.

The grammar is Polar's bare verb in snake case: `read` sees that a thing exists and its plain fields, `read_content`
opens its sealed fields and files, `read_contact` and `read_reason` open single ones that say so, and every other verb
is one use case of `resolvers/`. A contract test holds this list
against policy.polar: each action is granted somewhere, each name in the policy stands here.
"""

import enum


class Action(enum.StrEnum):
    """An action on a resource; the resource is named beside it wherever one is used."""

    ACCEPT = "accept"
    ANNOUNCE_MAINTENANCE = "announce_maintenance"
    ANSWER = "answer"
    APPROVE = "approve"
    ASSESS = "assess"
    CANCEL = "cancel"
    CLOSE = "close"
    COLLECT_EVIDENCE = "collect_evidence"
    COMPLAIN = "complain"
    CONSENT = "consent"
    CORRECT = "correct"
    CREATE_API_KEY = "create_api_key"
    CREATE_ASSET = "create_asset"
    CREATE_PROJECT = "create_project"
    DECIDE = "decide"
    DELETE = "delete"
    DENY = "deny"
    DISABLE = "disable"
    ENABLE = "enable"
    END = "end"
    EXPLAIN = "explain"
    EXPLAIN_OTHERS = "explain_others"
    EXPORT = "export"
    HANDLE = "handle"
    LOCK_DOWN = "lock_down"
    NOTIFY = "notify"
    OPEN_ACCESS_REVIEW = "open_access_review"
    OPEN_INVESTIGATION = "open_investigation"
    PLACE_HOLD = "place_hold"
    PUBLISH_NOTICE = "publish_notice"
    READ = "read"
    READ_CONTACT = "read_contact"
    READ_CONTENT = "read_content"
    READ_REASON = "read_reason"
    REGISTER_SERVICE = "register_service"
    RELEASE = "release"
    RELOAD_POLICY = "reload_policy"
    REMOVE_STAFF = "remove_staff"
    REQUEST_ACCESS = "request_access"
    REVIEW = "review"
    REVOKE = "revoke"
    SET_RETENTION = "set_retention"
    SHARE = "share"
    SUBMIT_PROMPT = "submit_prompt"
    UPDATE = "update"
    UPLOAD = "upload"
    # What agents do to run a job; no person holds these.
    BUILD = "build"
    DELIVER = "deliver"
    ERASE = "erase"
    EXPIRE = "expire"
    GENERATE = "generate"
    IMPORT = "import"
    VERIFY = "verify"
