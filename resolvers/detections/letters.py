"""What contributors are written when something unusual happens to their account: in plain words, and what they can do.

Each says what happened, what was done, what they can do, and whom to ask. None holds anything of their work, and none
asks them to follow a link or to send a password.
"""

from resolvers.detections.forms import Letter

_ASK = "Whom to ask: write to us with fileComplaint. A person answers. We never ask for your password."
_NOT_YOU = (
    "If it was not you: change your password, end all other sessions with revokeSessions, and end the keys of programs "
    "that you do not know."
)

EXPORTS = Letter(
    "Your work was exported many times within an hour",
    "Somebody who is signed in as you, or a key of yours, asked for five exports or more within an hour. Nothing was "
    "stopped. If many more follow, downloads wait until you have proven again that it is you (stepUp).\n\n"
    f"If it was you, there is nothing to do. {_NOT_YOU}\n\n{_ASK}",
)
REFUSALS = Letter(
    "Many requests of yours were refused",
    "Somebody who is signed in as you, or a key of yours, asked for many things that they may not see. Nothing of "
    "yours was lost. If it goes on, answers come more slowly for a while, and a key may be stopped.\n\n"
    f"If a program of yours does this, look at what it asks for. {_NOT_YOU}\n\n{_ASK}",
)
SIGN_INS = Letter(
    "Somebody tried to sign in to your account",
    "Ten attempts to sign in to your account failed within ten minutes. After some failures no more attempts are heard "
    "for a while. Then you can sign in as before.\n\n"
    "If it was you, there is nothing to do. If it was not you, take a long password that you use nowhere else, and add "
    f"a second factor. With one, the password alone opens nothing.\n\n{_ASK}",
)
NEW_PLACE = Letter(
    "Somebody signed in to your account from a new place",
    "Somebody signed in to your account with the right password, from a network that we have never seen you in. "
    "Nothing was stopped. Exports and deletions ask for a proof that it is you, as always. Your access log shows when "
    "it was.\n\n"
    f"If it was you, there is nothing to do. {_NOT_YOU}\n\n{_ASK}",
)
KEY_MOVED = Letter(
    "A key of yours is used from a new place",
    "A program used a key of yours from a network that this key was never seen in. That is usual when you have just "
    "put it to work, or when your program has moved. Nothing was stopped. Your access log shows which key, and "
    "when.\n\n"
    "If it was you, or a program of yours, there is nothing to do. If not, end the key with revokeApiKey and make "
    f"another. It stops at once, and your account goes on as before.\n\n{_ASK}",
)
PASSKEY = Letter(
    "A passkey of yours was copied",
    "One of your passkeys is on two devices, and somebody tried to sign in with the older copy. It proves nothing any "
    "more, whoever has it. Sessions that were begun with it go on.\n\n"
    "What you can do: look at passkeys to see which one it is, remove it, and make another. If a sign-in of the last "
    f"days was not you, end all other sessions with revokeSessions and change your password.\n\n{_ASK}",
)
DELETIONS = Letter(
    "Much of your work is about to be deleted",
    "Somebody who is signed in as you asked to delete several projects, or your account. We do as you ask, so it is "
    "under way. What is gone can't be brought back.\n\n"
    f"If it was you, there is nothing to do. {_NOT_YOU} Write to us at once. What is not gone yet may be kept.\n\n"
    f"{_ASK}",
)
OPENED = Letter(
    "Staff have opened your work",
    "Somebody of our staff has opened some of your work. They had a permission for it, for a reason that it names, and "
    "it ends by itself. Each thing that they open is in your access log.\n\n"
    "What you can do: accessGrants shows in which job, why and until when. With endAccess you end it at once. When it "
    f"is over somebody else looks at what was done, and you can read what they found.\n\n{_ASK}",
)
