"""The Trust Services Criteria (2017, with the points of focus of 2022) by their ids, each in words of our own.

The text of the criteria belongs to the AICPA and is not here: whoever works with them has it. `remains` says what the
system can't do in the operator's place; where `reach` is PEOPLE it is all there is.
"""

import enum
from dataclasses import dataclass


class Reach(enum.StrEnum):
    """How much of a criterion a running system can show by itself."""

    SYSTEM = "SYSTEM"
    PARTLY = "PARTLY"
    PEOPLE = "PEOPLE"


@dataclass(frozen=True)
class Criterion:
    """One criterion: its id, what it is about, how far the system reaches, what people do beside it."""

    id: str
    about: str
    reach: Reach
    remains: str


def _of(reach: Reach, rows: str) -> tuple[Criterion, ...]:
    """`ID | about | what remains`, line by line."""
    parts = (tuple(part.strip() for part in line.split("|")) for line in rows.strip().splitlines())
    return tuple(Criterion(name, about, reach, remains) for name, about, remains in parts)


_PEOPLE = """
CC1.1 | Ethics and conduct | Write a code of conduct, have staff acknowledge it, and act when it is broken.
CC1.2 | A body that oversees, independent of management | Name it, let it meet, and keep its minutes.
CC1.4 | Able and trained people | Hire, check, train and assess staff, and keep the records.
CC6.4 | Who gets into rooms with machines | Keep the host's assurance report on file, and your own offices locked.
"""

_PARTLY = """
CC1.3 | Structure, authority, responsibility | Draw up who reports to whom; name a person for each owner in the policy.
CC1.5 | People answer for their duties in control | Hold the named owners to their findings and due dates.
CC2.2 | Staff know what they need to know | Train staff in their duties and in how to raise a concern.
CC2.3 | Those outside are told | Publish your terms and your contact for security, and answer there.
CC3.1 | Clear objectives | Say what you promise to whom: terms, availability, contracts.
CC3.2 | Risks are found | Keep a risk register beyond services and models, and go through it yearly.
CC3.3 | Fraud is thought of | Assess who could gain from what; the pairs of jobs kept apart are a part of the answer.
CC3.4 | Significant change is weighed | Weigh changes of law, business and people; policy changes are recorded here.
CC4.1 | Controls are evaluated, by their owners and apart | Have somebody independent evaluate; checks here are yours.
CC5.1 | Controls answer to risks | Decide which risks you accept, and say so in your description.
CC5.3 | Policies become procedure | Write the procedures that people follow outside the system.
CC6.5 | Protection ends only when data is unrecoverable | Have disks of your own destroyed, and keep what proves it.
CC6.6 | Threats from outside | Run what stands before the server: firewall, filtering, denial of service.
CC6.8 | No unauthorised software | Keep the machines themselves patched and free of other software.
CC7.1 | New weaknesses are noticed | Scan machines and images, follow advisories, test for intrusion.
CC7.3 | Events are judged | Decide what is an incident, and write down why.
CC7.4 | Incidents are answered | Have a plan, people on call, and exercise both.
CC7.5 | Recovery | Restore in earnest once a year, and learn from each incident.
CC8.1 | Changes are managed | Review, approve and test changes of code and machines before they are deployed.
CC9.1 | Disruption of business | Plan for the loss of a site, a supplier or key people; insure what you can't avoid.
A1.1 | Capacity | Watch demand, and add machines before they are short.
A1.2 | Backup and the means to recover | Make backups of data, of keys apart and for a shorter time; keep the record.
A1.3 | Recovery is tested | Restore on another machine, and write down how long it took.
PI1.1 | What is processed, and how, is written down | Tell users what your product makes of their work.
P1.1 | Notice of practices | Publish a privacy policy that says what the schedule and the register say.
P3.1 | Only what was said is collected | Keep forms and products of yours within what the privacy policy says.
P5.2 | Correction | Answer the requests that need a person, and pass corrections on to who was given the data.
P6.3 | A record of unauthorised disclosures | Open an investigation for each, and write down what you find.
P6.4 | Those who are given data commit to protect it | Sign the agreements; read the reports they send.
P6.5 | They must report incidents | Hold them to the hours in the register, and keep what they report.
P6.6 | Those affected, and authorities, are told | Decide whom to tell within the time of the law, and tell them.
P7.1 | Personal data are accurate | Correct what is wrong in systems of yours beside this one.
P8.1 | Complaints and monitoring | Answer complaints by their due date, and look whether there is a pattern.
"""

_SYSTEM = """
CC2.1 | Controls go by good information | Look at what the checks find, and ask where they look.
CC4.2 | Deficiencies reach those who mend them | Mend them by their due date, or say who accepted what and why.
CC5.2 | General controls over technology | Run the doctor on each installation, and act on what it says.
CC6.1 | Access, keys, and what they protect | Keep the key store and its backups apart from the data, under other hands.
CC6.2 | People are registered and removed | Say on the day who joins and who leaves.
CC6.3 | Roles, least privilege, separation | Give each person one job and no more, and look through the list.
CC6.7 | Data in motion, and what is taken out | Give the server a certificate; keep copies that staff take off laptops.
CC7.2 | Anomalies are watched for | Bring the trail to where your people watch, day and night.
CC9.2 | Vendors | Read the reports; decide which risk you take.
PI1.2 | Inputs are complete and accurate | Nothing beside reading what is refused and why.
PI1.3 | Processing is complete, accurate, in time | Look at runs that failed.
PI1.4 | Outputs go, complete, to whom they belong | Nothing beside answering who says that something is missing.
PI1.5 | What is stored stays complete and accurate | Run `python -m muniment scrub` after moving disks or restoring.
C1.1 | What is confidential is known and protected | Classify what your product adds beside this system.
C1.2 | It is disposed of | Let backups run out by the dates that certificates name.
P2.1 | Choice and consent | Ask in words that people understand.
P3.2 | Explicit consent where it is needed | Decide where the law asks for more than a switch.
P4.1 | Data are used as was said | Use exports and backups for nothing else.
P4.2 | Data are kept as was said | Say in your notice what the retention schedule says.
P4.3 | Data are disposed of securely | Let copies at providers and in backups run out as agreed.
P5.1 | Access of those it is about | Answer who can't use the API.
P6.1 | Disclosure with consent | Disclose nothing outside this system without it.
P6.2 | A record of authorised disclosures | Write down disclosures by hand, such as to courts.
P6.7 | An account of what is held and disclosed | Add what you hold outside this system.
"""

CRITERIA: dict[str, Criterion] = {
    each.id: each for each in (*_of(Reach.SYSTEM, _SYSTEM), *_of(Reach.PARTLY, _PARTLY), *_of(Reach.PEOPLE, _PEOPLE))
}
"""All 61, by id."""


def in_order() -> list[Criterion]:
    """All of them in the order in which they are listed everywhere: CC, A, PI, C, P."""
    series = ("CC", "A", "PI", "C", "P")

    def place(each: Criterion) -> tuple[int, int, int]:
        letters = each.id.rstrip("0123456789.")
        chapter, number = each.id.removeprefix(letters).split(".")
        return series.index(letters), int(chapter), int(number)

    return sorted(CRITERIA.values(), key=place)
