"""What can be done, named once.

The grammar is Polar's bare verb in snake case: `read` sees that a thing exists and its plain fields, `read_content`
opens its sealed fields and files, and every other verb is one use case of `resolvers/`. A contract test holds this list
against policy.polar: each action is granted somewhere, each name in the policy stands here.
"""

import enum


class Action(enum.StrEnum):
    """An action on a resource; the resource is named beside it wherever one is used."""

    CANCEL = "cancel"
    CLOSE = "close"
    CREATE_API_KEY = "create_api_key"
    CREATE_ASSET = "create_asset"
    CREATE_PROJECT = "create_project"
    DELETE = "delete"
    EXPORT = "export"
    OPEN_INVESTIGATION = "open_investigation"
    READ = "read"
    READ_CONTENT = "read_content"
    REVOKE = "revoke"
    SHARE = "share"
    SUBMIT_PROMPT = "submit_prompt"
    UPDATE = "update"
    UPLOAD = "upload"
    # What agents do to run a job; no person holds these.
    BUILD = "build"
    ERASE = "erase"
    GENERATE = "generate"
    VERIFY = "verify"
