"""Root fields that ask the door for nothing, each with its reason. One that is no longer there is taken out."""

WITHOUT_ACTION: dict[str, str] = {
    "Query.controls": "what is promised to everybody, out of the program itself",
    "Query.privacyPolicy": "what is promised to everybody, by the rules and settings in force; names nobody",
    "Query.dataCards": "what is kept of everybody and why, by the rules in force; names nobody",
    "Query.retentionSchedule": "what is promised to everybody, out of the program itself",
    "Query.detections": "what is looked for and what becomes of a credential then; names nobody",
    "Query.roles": "what each job is for, as policy.polar says; names nobody",
    "Query.policy": "what is asked of the door stands on its fields: explain, and proposals; its text is no secret",
    "Query.passkeys": "credentials of the account that asks; those of others are shown to nobody",
    "Query.ledger": "what is signed for everybody is nobody's secret",
    "Mutation.registerContributor": "an account begins here: there is nothing yet to ask about",
    "Mutation.signIn": "a session begins here: who is asking is only being found out",
    "Mutation.signOut": "ends the session that asks",
    "Mutation.revokeSessions": "ends sessions of the account whose session asks",
    "Mutation.enrollTotp": "begins with a credential of the account whose session has just been stepped up",
    "Mutation.confirmTotp": "puts a credential in force, of the account whose session has just been stepped up",
    "Mutation.removeTotp": "removes a credential of the account whose session has just been stepped up",
    "Mutation.enrollPasskey": "begins with a credential of the account whose session has just been stepped up",
    "Mutation.confirmPasskey": "puts a credential in force, of the account whose session has just been stepped up",
    "Mutation.removePasskey": "removes a credential of the account whose session has just been stepped up",
    "Mutation.beginPasskeySignIn": "a session begins here: who is asking is only being found out",
    "Mutation.beginPasskeyStepUp": "hands the asking session a challenge, so that it proves again who it is",
    "Mutation.linkIdentity": "ties the account whose session has just been stepped up to who else they proved to be",
    "Mutation.unlinkIdentity": "unties the account whose session has just been stepped up",
    "Mutation.stepUp": "proves again who the asking session is",
}
"""Root fields that ask the door for nothing (a mutation: for nothing but READ of what it answers)."""
