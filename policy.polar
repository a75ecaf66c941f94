# Who may do what. This file decides; nothing else in the program does, and what it does not allow is refused.
#
# How to read it. Chapter 1 says who can ask at all and how far each kind of caller reaches. Chapter 2 has one block per
# thing: the ways to be someone to it (its roles), what each role may do, and the facts that make one somebody.
# "read" means seeing that a thing exists, with its dates, sizes and states. "read_content" means opening what is sealed
# in it: names, texts, files. "read_contact" and "read_reason" open single fields that say so: how to reach somebody, and
# why staff ask for access. Every other verb is one operation of the API. "Owner" is who answers for a job or an agent.


### 1. Who asks ########################################################################################################

# A contributor may do what the blocks of chapter 2 allow them. What can't be taken back, or takes a copy of everything
# away, asks them to prove first that it is still they who sit there ("step up").
allow(person: Person, action: String, thing) if
    assured(person, action) and has_permission(person, action, thing);

actor Person {}

# Exporting and deleting are for someone who has just proved who they are.
assured(person: Person, "delete") if person.stepped_up;
assured(person: Person, "export") if person.stepped_up;
# So is choosing how long things stay: a shorter choice destroys them in the end.
assured(person: Person, "set_retention") if person.stepped_up;
# So is correcting: an e-mail is what an account is entered with.
assured(person: Person, "correct") if person.stepped_up;
# Everything else is for anyone signed in.
assured(_: Person, "cancel");
assured(_: Person, "complain");
assured(_: Person, "consent");
assured(_: Person, "create_api_key");
assured(_: Person, "create_asset");
assured(_: Person, "create_project");
assured(_: Person, "deny");
assured(_: Person, "end");
assured(_: Person, "explain");
assured(_: Person, "read");
assured(_: Person, "read_contact");
assured(_: Person, "read_content");
assured(_: Person, "read_reason");
assured(_: Person, "revoke");
assured(_: Person, "share");
assured(_: Person, "submit_prompt");
assured(_: Person, "update");
assured(_: Person, "upload");

# A contributor whose account is being erased may watch that happen, and nothing else.
allow(person: Departing, "read", deletion: Deletion) if deletion.owner_id = person.id;

# An API key never reaches further than the contributor who made it does at this moment, nor than its own scopes. No
# scope deletes, shares, or touches the account, its choices and its keys.
allow(key: Key, action: String, thing) if
    scope in key.scopes and covers(scope, action, thing) and has_permission(key.person, action, thing);

# A key that may read opens everything its owner may open.
covers("read", "read", _);
covers("read", "read_content", _);
covers("read", "read_contact", _);
covers("read", "read_reason", _);
# Whoever programs against us may ask why something was refused.
covers("read", "explain", _);

# A key that may write works in projects. It sees the states of what it works on.
covers("write", "read", _: Project);
covers("write", "read", _: Asset);
covers("write", "read", _: Prompt);
covers("write", "create_project", _: Platform);
covers("write", "update", _: Project);
covers("write", "create_asset", _: Project);
covers("write", "submit_prompt", _: Project);
covers("write", "update", _: Asset);
covers("write", "upload", _: Asset);
covers("write", "cancel", _: Prompt);

# A key that may export orders copies and fetches them. A key cannot step up: its owner did, when they gave it this scope.
covers("export", "read", _: Contributor);
covers("export", "read", _: Project);
covers("export", "read", _: Export);
covers("export", "export", _: Contributor);
covers("export", "export", _: Project);
covers("export", "export", _: Export);
covers("export", "read_content", _: Export);

# The generation agent works on one prompt at a time: the one of its run, for as long as the contributor for whom it
# works could submit it again.
# Owner: head of engineering
allow(agent: Agent{name: "generation"}, "generate", prompt: Prompt) if
    prompt.id = agent.run and has_permission(agent.person, "submit_prompt", prompt.project);
# It opens what concerns that run, if its contributor may open it.
allow(agent: Agent{name: "generation"}, action: String, thing) if
    opens(action) and concerns(agent.run, thing) and has_permission(agent.person, action, thing);

# That is the prompt, the assets given with it, the steps and outputs so far,
concerns(run, prompt: Prompt) if prompt.id = run;
concerns(run, given: PromptAsset) if given.prompt_id = run;
concerns(run, asset: Asset) if given in asset.uses and given.prompt_id = run;
concerns(run, step: PromptStep) if step.prompt_id = run;
concerns(run, output: Output) if output.prompt_id = run;
# what the contributor allows, and the style they let it learn.
concerns(_, _: PrivacyPreferences);
concerns(_, _: StyleProfile);

# The thumbnails agent makes a small picture of the asset of its run, and opens that one alone, as its owner could.
# Owner: head of engineering
allow(agent: Agent{name: "thumbnails"}, action: String, asset: Asset) if
    opens(action) and asset.id = agent.run and has_role(agent.person, "owner", asset);

# The exports agent builds the archive of its run, and opens for it everything that its contributor owns, and nothing
# that is only shared with them.
# Owner: data protection officer
allow(agent: Agent{name: "exports"}, "build", export: Export) if
    export.id = agent.run and has_role(agent.person, "owner", export);
allow(agent: Agent{name: "exports"}, action: String, thing) if
    opens(action) and has_role(agent.person, "owner", thing);
# To an archive belong how its contributor is reached, and why staff asked for access.
allow(agent: Agent{name: "exports"}, "read_contact", contributor: Contributor) if
    has_role(agent.person, "owner", contributor);
allow(agent: Agent{name: "exports"}, "read_reason", grant: AccessGrant) if has_role(agent.person, "owner", grant);
# And why something of theirs was kept by law.
allow(agent: Agent{name: "exports"}, "read_reason", hold: LegalHold) if has_role(agent.person, "owner", hold);
# And why staff kept or ended a key that nobody used.
allow(agent: Agent{name: "exports"}, "read_reason", item: AccessReviewItem) if has_role(agent.person, "owner", item);
# And what they asked about their data, with its answers.
allow(agent: Agent{name: "exports"}, "read_reason", request: RightsRequest) if
    has_role(agent.person, "owner", request);
# What its contributor did elsewhere stands in their copy of the trail too.
allow(agent: Agent{name: "exports"}, "read", event: AuditEvent) if has_role(agent.person, "actor", event);

# The imports agent takes what an archive holds into the account of the contributor for whom it works, as long as that is
# in use. It opens nothing.
# Owner: data protection officer
allow(agent: Agent{name: "imports"}, action: String, contributor: Contributor) if
    action in ["read", "import"] and contributor.status = "ACTIVE" and has_role(agent.person, "owner", contributor);

# The erasures agent destroys what the deletion of its run names. It opens nothing.
# Owner: data protection officer
allow(agent: Agent{name: "erasures"}, action: String, deletion: Deletion) if
    action in ["read", "erase"] and deletion.id = agent.run and has_role(agent.person, "owner", deletion);

# The verifier counts what is left afterwards. It is not the one who erased, and opens nothing.
# Owner: head of security
allow(agent: Agent{name: "verifier"}, action: String, deletion: Deletion) if
    action in ["read", "verify"] and deletion.id = agent.run and has_role(agent.person, "owner", deletion);

# The notifier agent brings the notice of its run to the contributor it is for. It opens that notice, how they are
# reached and how they want to be told, and nothing of their work.
# Owner: data protection officer
allow(agent: Agent{name: "notifier"}, action: String, notice: Notice) if
    brings(action) and notice.id = agent.run and has_role(agent.person, "owner", notice);
allow(agent: Agent{name: "notifier"}, action: String, settings: NoticeSettings) if
    opens(action) and has_role(agent.person, "owner", settings);
allow(agent: Agent{name: "notifier"}, action: String, contributor: Contributor) if
    reaches(action) and has_role(agent.person, "owner", contributor);

brings("read");
brings("read_content");
brings("deliver");

reaches("read");
reaches("read_contact");

# The retention agent has the thing of its run destroyed, whose time, as its contributor chose it, is up. It opens nothing.
# Owner: data protection officer
allow(agent: Agent{name: "retention"}, action: String, project: Project) if
    expires(action) and project.id = agent.run and has_role(agent.person, "owner", project);
allow(agent: Agent{name: "retention"}, action: String, asset: Asset) if
    expires(action) and asset.id = agent.run and has_role(agent.person, "owner", asset);
allow(agent: Agent{name: "retention"}, action: String, prompt: Prompt) if
    expires(action) and prompt.id = agent.run and has_role(agent.person, "owner", prompt);

expires("read");
expires("expire");

opens("read");
opens("read_content");

# Staff do their jobs, each a short list. No job opens a contributor's work, whoever holds it.
allow(staff: Staff, action: String, thing) if role in staff.roles and job(role, action, thing);

# Whoever works here sees when parts of the platform were away; so does everybody, at /status.
allow(_: Staff, "read", _: Outage);

# Whoever works here may ask why they themselves may do something or may not.
allow(_: Staff, "explain", _: Platform);

# Support looks after accounts: it sees that one exists, since when and in what state.
# Owner: head of support
job("SUPPORT", "read", _: Contributor);
# Where a case needs a look at the work, it asks those who let support ask.
job("SUPPORT", "request_access", contributor: Contributor) if
    contributor.status = "ACTIVE" and contributor.preferences.support_access;

# System administrators keep jobs running: they see exports and deletions queued, running and failed.
# Owner: head of operations
job("SYSADMIN", "read", _: Export);
job("SYSADMIN", "read", _: Deletion);
# They bring a policy into force, two people together: one proposes it, another one confirms it.
job("SYSADMIN", "reload_policy", _: Platform);
# They see what checks of controls found amiss, since a part of it is theirs to mend.
job("SYSADMIN", "read", _: Finding);
job("SYSADMIN", "read_content", _: Finding);
# They announce maintenance, and tell everybody what caused an outage.
job("SYSADMIN", "announce_maintenance", _: Platform);
job("SYSADMIN", "update", _: Outage);
# They see when the platform was locked down, since then their jobs wait.
job("SYSADMIN", "read", _: Lockdown);
# They register what is to change of all that runs here, take back what is not to, and see what runs.
job("SYSADMIN", "register_change", _: Platform);
job("SYSADMIN", "reconcile", _: Platform);
job("SYSADMIN", "read", _: Change);
job("SYSADMIN", "read_reason", _: Change);
job("SYSADMIN", "deny", change: Change) if change.status = "REGISTERED";
# They ask that somebody is to work here, or do one job more, see what became of it, and take it back or turn it down.
job("SYSADMIN", "appoint", _: Platform);
job("SYSADMIN", "read", _: Appointment);
job("SYSADMIN", "read_reason", _: Appointment);
job("SYSADMIN", "deny", appointment: Appointment) if appointment.status = "REQUESTED";

# Privacy officers see that contributors' requests about their data are answered, and that nobody comes near the data
# of others without a reason.
# Owner: data protection officer
job("PRIVACY", "read", _: Export);
job("PRIVACY", "read", _: Deletion);
job("PRIVACY", "read", _: Contributor);
# They read what contributors ask about their data and complain of, and answer it, once.
job("PRIVACY", "read", _: RightsRequest);
job("PRIVACY", "read_reason", _: RightsRequest);
job("PRIVACY", "answer", request: RightsRequest) if request.status = "OPEN";
job("PRIVACY", "request_access", contributor: Contributor) if contributor.status = "ACTIVE";
# They see each request for access with its reason, turn it down, and end what was agreed to.
job("PRIVACY", "read", _: AccessGrant);
job("PRIVACY", "read_reason", _: AccessGrant);
job("PRIVACY", "deny", _: AccessGrant);
job("PRIVACY", "end", _: AccessGrant);
# They place a legal hold on an account that is in use, or on something in it, and lift any. A hold opens nothing.
job("PRIVACY", "place_hold", contributor: Contributor) if contributor.status = "ACTIVE";
job("PRIVACY", "read", _: LegalHold);
job("PRIVACY", "read_reason", _: LegalHold);
job("PRIVACY", "release", _: LegalHold);
# They see how long contributors have chosen to keep things.
job("PRIVACY", "read", _: RetentionSetting);
# They keep the register of services: they propose one, assess the risk of what is proposed, and retire any.
job("PRIVACY", "register_service", _: Platform);
job("PRIVACY", "read", _: Service);
job("PRIVACY", "read_content", _: Service);
job("PRIVACY", "assess", service: Service) if service.status = "PROPOSED";
job("PRIVACY", "disable", service: Service) if service.status != "RETIRED";
# They see what checks of controls found amiss, since a part of it is theirs to mend.
job("PRIVACY", "read", _: Finding);
job("PRIVACY", "read_content", _: Finding);
# They answer for a while for one that can't be mended yet, unless it is theirs to mend.
job("PRIVACY", "accept", finding: Finding) if
    finding.status = "OPEN" and finding.owner != "data protection officer";
# They see when the platform was locked down, and why, since they may be the second of the two who open it again.
job("PRIVACY", "read", _: Lockdown);
job("PRIVACY", "read_reason", _: Lockdown);
# They see what changes of all that runs here, and why, since they tell contributors of what concerns them.
job("PRIVACY", "read", _: Change);
job("PRIVACY", "read_reason", _: Change);
# They tell contributors what changes, before it does, and see what was told.
job("PRIVACY", "publish_notice", _: Platform);
job("PRIVACY", "read", _: PublishedNotice);
# They see each review of access with its reasons, since they may be those who confirm what somebody else holds.
job("PRIVACY", "read", _: AccessReview);
job("PRIVACY", "read", _: AccessReviewItem);
job("PRIVACY", "read_reason", _: AccessReviewItem);
# They handle incidents together with security: whose work was seen, and what those people are told.
job("PRIVACY", "read", _: Incident);
job("PRIVACY", "read_content", _: Incident);
job("PRIVACY", "handle", incident: Incident) if incident.status != "CLOSED";
# They see what is to be done after each, and find somebody else to do what nobody has done yet.
job("PRIVACY", "read", _: FollowUp);
job("PRIVACY", "read_content", _: FollowUp);
job("PRIVACY", "handle", follow_up: FollowUp) if follow_up.status = "OPEN";

# Security reads the audit trail to find and follow incidents. The personal side of an event stays sealed.
# Owner: head of security
job("SECURITY", "read", _: AuditEvent);
# It opens who that was, and from where, while an investigation is open into the call that the event was part of,
job("SECURITY", "read_content", event: AuditEvent) if
    investigation in event.into_call and investigation.status = "OPEN";
# or into somebody in it: who acted, for whom, or whose data it was.
job("SECURITY", "read_content", event: AuditEvent) if
    investigation in event.personal.into_actor and investigation.status = "OPEN";
job("SECURITY", "read_content", event: AuditEvent) if
    investigation in event.personal.into_principal and investigation.status = "OPEN";
job("SECURITY", "read_content", event: AuditEvent) if
    investigation in event.personal.into_subject and investigation.status = "OPEN";
# Security opens an investigation, for a reason and a bounded time, and closes it. Whom it is about is told.
job("SECURITY", "open_investigation", _: Platform);
job("SECURITY", "read", _: Investigation);
job("SECURITY", "read_content", _: Investigation);
job("SECURITY", "close", investigation: Investigation) if investigation.status = "OPEN";
# It sees that an account exists, and asks for access to what an incident needs.
job("SECURITY", "read", _: Contributor);
job("SECURITY", "request_access", contributor: Contributor) if contributor.status = "ACTIVE";
# They see each request for access with its reason, turn it down, and end what was agreed to.
job("SECURITY", "read", _: AccessGrant);
job("SECURITY", "read_reason", _: AccessGrant);
job("SECURITY", "deny", _: AccessGrant);
job("SECURITY", "end", _: AccessGrant);
# It sees each legal hold with its reason, since it may be the second of the two without whom there is none.
job("SECURITY", "read", _: LegalHold);
job("SECURITY", "read_reason", _: LegalHold);
# It tells contributors what they should know or do to stay safe, and sees what was told.
job("SECURITY", "publish_notice", _: Platform);
job("SECURITY", "read", _: PublishedNotice);
# Whoever leaves is shut out by security, and whoever is to do a job no more loses it, at once.
job("SECURITY", "remove_staff", _: Platform);
# It asks that somebody is to work here too, sees what became of it, and takes it back or turns it down.
job("SECURITY", "appoint", _: Platform);
job("SECURITY", "read", _: Appointment);
job("SECURITY", "read_reason", _: Appointment);
job("SECURITY", "deny", appointment: Appointment) if appointment.status = "REQUESTED";
# It sees each service with its assessment, since it may be the second of the two without whom nothing is sent to one,
# and stops any at once.
job("SECURITY", "read", _: Service);
job("SECURITY", "read_content", _: Service);
job("SECURITY", "disable", service: Service) if service.status != "RETIRED";
# It sees what checks of controls found amiss, since it answers for most of it.
job("SECURITY", "read", _: Finding);
job("SECURITY", "read_content", _: Finding);
# It answers for a while for one that can't be mended yet, unless it is its own to mend.
job("SECURITY", "accept", finding: Finding) if finding.status = "OPEN" and finding.owner != "head of security";
# It handles incidents, from the alert to the review.
job("SECURITY", "read", _: Incident);
job("SECURITY", "read_content", _: Incident);
job("SECURITY", "handle", incident: Incident) if incident.status != "CLOSED";
# It sees what is to be done after each, and finds somebody else to do what nobody has done yet.
job("SECURITY", "read", _: FollowUp);
job("SECURITY", "read_content", _: FollowUp);
job("SECURITY", "handle", follow_up: FollowUp) if follow_up.status = "OPEN";
# It begins reviews of access, and sees each with its reasons.
job("SECURITY", "open_access_review", _: Platform);
job("SECURITY", "read", _: AccessReview);
job("SECURITY", "read", _: AccessReviewItem);
job("SECURITY", "read_reason", _: AccessReviewItem);
# It sees when the platform was locked down, and why.
job("SECURITY", "read", _: Lockdown);
job("SECURITY", "read_reason", _: Lockdown);
# It registers changes of what runs too, which may be patches, turns any down, and sees what runs that nobody approved.
job("SECURITY", "register_change", _: Platform);
job("SECURITY", "reconcile", _: Platform);
job("SECURITY", "read", _: Change);
job("SECURITY", "read_reason", _: Change);
job("SECURITY", "deny", change: Change) if change.status = "REGISTERED";
# It is one of the two without whom no policy changes, and finds out by which rule somebody else may do something. That
# tells rules, and of things only what security may see itself.
job("SECURITY", "reload_policy", _: Platform);
job("SECURITY", "explain_others", _: Platform);

# Auditors read the audit trail as evidence, and who was given access to what. The personal side of an event, and the
# words in which access was asked for, stay sealed.
# Owner: data protection officer
job("AUDITOR", "read", _: AuditEvent);
# They see what contributors asked about their data, when, and when it was answered.
job("AUDITOR", "read", _: RightsRequest);
# They see which investigations there were, and how long each lasted.
job("AUDITOR", "read", _: Investigation);
# They see what checks of controls found amiss, whose it was to mend, by when, and when it was.
job("AUDITOR", "read", _: Finding);
# They read as well who answers for one that is not mended, and why.
job("AUDITOR", "read_content", _: Finding);
# They ask as well by which rule somebody may do something.
job("AUDITOR", "explain_others", _: Platform);
job("AUDITOR", "read", _: AccessGrant);
# They see what was kept by law, since when, and when it was looked at last.
job("AUDITOR", "read", _: LegalHold);
# They see which services there are and were, and how each was assessed.
job("AUDITOR", "read", _: Service);
job("AUDITOR", "read_content", _: Service);
# They see who confirmed or ended whose access, when, and why.
job("AUDITOR", "read", _: AccessReview);
job("AUDITOR", "read", _: AccessReviewItem);
job("AUDITOR", "read_reason", _: AccessReviewItem);
# They take out complete lists of what is recorded in a period, and samples of them; each time is in the trail.
job("AUDITOR", "collect_evidence", _: Platform);
# To such lists belong what was to be deleted and when it was, what contributors allowed, which keys they made for their
# programs, and which jobs staff hold: ids, dates and states of each, and no names.
job("AUDITOR", "read", _: Deletion);
job("AUDITOR", "read", _: Consent);
job("AUDITOR", "read", _: ApiKey);
job("AUDITOR", "read", _: RoleAssignment);
# They see what contributors were told, and when.
job("AUDITOR", "read", _: PublishedNotice);
# They see which incidents there were, and what was made of each, without the words.
job("AUDITOR", "read", _: Incident);
# They see what is to be done after each, by whom and when, and whether it was, without the words.
job("AUDITOR", "read", _: FollowUp);
# They see when the platform was locked down, and when it was open again.
job("AUDITOR", "read", _: Lockdown);
# They see what changed, why, how it was tried, who agreed and when, and what runs that nobody agreed to.
job("AUDITOR", "reconcile", _: Platform);
job("AUDITOR", "read", _: Change);
job("AUDITOR", "read_reason", _: Change);
# They see who was to work here and as what, who asked for that, who agreed, and why.
job("AUDITOR", "read", _: Appointment);
job("AUDITOR", "read_reason", _: Appointment);

# Where the contributor can't be asked, a second person of security or privacy agrees: never whoever asked.
allow(staff: Staff, "approve", grant: AccessGrant) if
    role in staff.roles and decides(role) and
    grant.decider = "SECOND_PERSON" and grant.grantee_id != staff.id;

# What was agreed to is looked at afterwards by somebody of security or privacy: never whoever held it, nor whoever agreed.
allow(staff: Staff, "review", grant: AccessGrant) if
    role in staff.roles and decides(role) and grant.grantee_id != staff.id and grant.decided_by != staff.id;

decides("PRIVACY");
decides("SECURITY");

# A legal hold keeps nothing before a second person of security or privacy agrees: never whoever placed it.
allow(staff: Staff, "approve", hold: LegalHold) if
    role in staff.roles and decides(role) and hold.placed_by != staff.id;

# Nothing is sent to a service before a second person of security or privacy agrees: never whoever proposed it.
allow(staff: Staff, "enable", service: Service) if
    role in staff.roles and decides(role) and service.status = "PROPOSED" and service.registered_by != staff.id;
# Nor does whoever proposed it say alone, later on, that it is still as safe as it was.
allow(staff: Staff, "assess", service: Service) if
    role in staff.roles and decides(role) and service.status = "APPROVED" and service.registered_by != staff.id;

# What runs here changes when a second person of security or system administration agrees: never whoever registered it.
allow(staff: Staff, "approve", change: Change) if
    role in staff.roles and changes(role) and change.status = "REGISTERED" and change.registered_by != staff.id;

changes("SECURITY");
changes("SYSADMIN");

# Somebody works here, or does one job more, when a second person of security or system administration agrees: never
# whoever asked for it, nor whom it is about.
allow(staff: Staff, "approve", appointment: Appointment) if
    role in staff.roles and appoints(role) and appointment.status = "REQUESTED" and
    appointment.requested_by != staff.id and appointment.staff_id != staff.id;

appoints("SECURITY");
appoints("SYSADMIN");

# A notice goes to those whom an incident concerns when a second person agrees: never whoever wrote it.
allow(staff: Staff, "notify", incident: Incident) if
    role in staff.roles and decides(role) and incident.status = "CONFIRMED" and incident.notice_drafted_by != staff.id;

# What is to be done after an incident is somebody's of staff, in whatever job: they read it, and say when it is done.
allow(staff: Staff, action: String, follow_up: FollowUp) if
    action in ["read", "read_content"] and follow_up.owner_id = staff.id;
allow(staff: Staff, "complete", follow_up: FollowUp) if follow_up.status = "OPEN" and follow_up.owner_id = staff.id;
# It is done once a second person of security or privacy has seen it: never whoever had to do it.
allow(staff: Staff, "review", follow_up: FollowUp) if
    role in staff.roles and decides(role) and follow_up.status = "DONE" and follow_up.owner_id != staff.id;

# What somebody holds is confirmed or ended by somebody else of security or privacy: never by whoever holds it. Of what
# nobody confirmed in time, and does not end by itself, it can still be said.
allow(staff: Staff, "decide", item: AccessReviewItem) if
    role in staff.roles and decides(role) and item.holder_id != staff.id and
    (item.status = "OPEN" or item.status = "OVERDUE");

# Security locks the platform down, for a reason and a bounded time, once whoever does it has just proved who they are.
# What still goes on then is above this file: contributors read, export and delete what is theirs.
allow(staff: Staff, "lock_down", _: Platform) if staff.stepped_up and role in staff.roles and locks(role);

locks("SECURITY");

# It is opened again by a second person of security or privacy: never by whoever locked it down.
allow(staff: Staff, "end", lockdown: Lockdown) if
    staff.stepped_up and role in staff.roles and decides(role) and lockdown.begun_by != staff.id;

# Whoever asked for access sees what became of it, and gives it back.
allow(staff: Staff, action: String, grant: AccessGrant) if
    action in ["read", "read_reason", "end"] and holds(staff, grant);

# A grant is made out to one person in one job. Whoever leaves the job leaves its grants behind.
holds(staff: Staff, grant) if
    role in staff.roles and asks(role) and grant.role = role and grant.grantee_id = staff.id;

asks("PRIVACY");
asks("SECURITY");
asks("SUPPORT");

# A contributor's work opens to staff under a live grant on it and in no other way: one that was agreed to, has not been
# ended, and whose time is not up.
allow(staff: Staff, action: String, thing) if opens(action) and under_grant(staff, thing);

# It opens one thing of theirs, a project with what is in it, or everything in the account.
under_grant(staff: Staff, project: Project) if
    grant in project.grants and grant.live and holds(staff, grant) and
    (grant.object_id = project.owner_id or grant.object_id = project.id);
under_grant(staff: Staff, asset: Asset) if
    grant in asset.grants and grant.live and holds(staff, grant) and
    (grant.object_id = asset.owner_id or grant.object_id = asset.project_id or grant.object_id = asset.id);
under_grant(staff: Staff, prompt: Prompt) if
    grant in prompt.grants and grant.live and holds(staff, grant) and
    (grant.object_id = prompt.owner_id or grant.object_id = prompt.project_id or grant.object_id = prompt.id);
# With a prompt go the steps of its run, the list of what was given with it, and what was made from it.
under_grant(staff: Staff, step: PromptStep) if
    grant in step.grants and grant.live and holds(staff, grant) and
    (grant.object_id = step.owner_id or grant.object_id = step.project_id or grant.object_id = step.prompt_id);
under_grant(staff: Staff, given: PromptAsset) if
    grant in given.grants and grant.live and holds(staff, grant) and
    (grant.object_id = given.owner_id or grant.object_id = given.project_id or grant.object_id = given.prompt_id);
under_grant(staff: Staff, output: Output) if
    grant in output.grants and grant.live and holds(staff, grant) and
    (grant.object_id = output.owner_id or grant.object_id = output.project_id or grant.object_id = output.prompt_id or
     grant.object_id = output.id);
# What was learned from a contributor's work belongs to the account as a whole.
under_grant(staff: Staff, profile: StyleProfile) if
    grant in profile.grants and grant.live and holds(staff, grant) and grant.object_id = profile.owner_id;

# Whoever may open anything of a contributor's may see how to reach them.
allow(staff: Staff, "read_contact", contributor: Contributor) if
    grant in contributor.grants and grant.live and holds(staff, grant);


### 2. What can be asked for ###########################################################################################

resource Platform {
    permissions = [
        "announce_maintenance", "appoint", "create_project", "explain", "lock_down", "open_access_review",
        "open_investigation", "reconcile", "register_change", "register_service", "remove_staff"
    ];
}

# Any contributor may start a project.
has_permission(_: Person, "create_project", _: Platform);
# Any contributor may ask why they may do something or may not, about what they may see.
has_permission(_: Person, "explain", _: Platform);


resource Contributor {
    permissions = [
        "read", "read_contact", "update", "correct", "complain", "export", "delete", "set_retention", "create_api_key",
        "request_access", "place_hold"
    ];
    roles = ["owner"];

    # A contributor sees and opens what we hold about them, corrects it, and complains.
    "read" if "owner";
    "read_contact" if "owner";
    "update" if "owner";
    "correct" if "owner";
    "complain" if "owner";
    # A contributor may take out a copy of everything we hold about them.
    "export" if "owner";
    # A contributor may have their account erased with everything in it.
    "delete" if "owner";
    # A contributor chooses how long their work stays.
    "set_retention" if "owner";
    # A contributor may make keys for their own programs.
    "create_api_key" if "owner";
}

# An account belongs to the person it is about.
has_role(person: Person, "owner", contributor: Contributor) if contributor.id = person.id;


resource PrivacyPreferences {
    permissions = ["read", "update"];
    roles = ["owner"];

    # A contributor sees and changes what they allow. Nobody chooses for them.
    "read" if "owner";
    "update" if "owner";
}

has_role(person: Person, "owner", preferences: PrivacyPreferences) if preferences.owner_id = person.id;


resource Consent {
    permissions = ["read"];
    roles = ["owner"];

    # A contributor sees what they allowed, and when. History is not edited.
    "read" if "owner";
}

has_role(person: Person, "owner", consent: Consent) if consent.owner_id = person.id;


resource StyleProfile {
    permissions = ["read", "read_content", "update"];
    roles = ["owner"];

    # What was learned from a contributor's work is theirs, like the work.
    "read" if "owner";
    "read_content" if "owner";
    # They put it right, and have it forgotten.
    "update" if "owner";
}

has_role(person: Person, "owner", profile: StyleProfile) if profile.owner_id = person.id;


resource AccessGrant {
    permissions = ["read", "read_reason", "consent", "approve", "deny", "end", "review"];
    roles = ["owner"];

    # A contributor sees who asks for access to what is theirs, in which job, for how long and why.
    "read" if "owner";
    "read_reason" if "owner";
    # They agree or not, and end what they agreed to, or what somebody agreed to in their place, at any time.
    "consent" if "owner";
    "deny" if "owner";
    "end" if "owner";
}

# A grant belongs to the contributor whose things it opens.
has_role(person: Person, "owner", grant: AccessGrant) if grant.subject_id = person.id;


# When access was looked at is about no contributor.
resource AccessReview {
    permissions = ["read"];
}


resource AccessReviewItem {
    permissions = ["read", "read_reason", "decide"];
    roles = ["owner"];

    # A contributor sees that a key of theirs was looked at because nobody used it, what became of it, and why.
    "read" if "owner";
    "read_reason" if "owner";
}

# An item about an API key belongs to whoever made the key; all others are nobody's.
has_role(person: Person, "owner", item: AccessReviewItem) if item.owner_id = person.id;


resource ProviderCopy {
    permissions = ["read"];
    roles = ["owner"];

    # A contributor sees which providers of models were sent their work.
    "read" if "owner";
}

# A copy belongs to whoever owns what was sent.
has_role(person: Person, "owner", copy: ProviderCopy) if copy.owner_id = person.id;


resource RightsRequest {
    permissions = ["read", "read_reason", "answer"];
    roles = ["owner"];

    # A contributor sees what they asked about their data, by when it is answered, and the answer.
    "read" if "owner";
    "read_reason" if "owner";
}

# A request belongs to whoever asked.
has_role(person: Person, "owner", request: RightsRequest) if request.owner_id = person.id;


resource ApiKey {
    permissions = ["read", "read_content", "revoke"];
    roles = ["owner"];

    # A contributor sees their keys by the names they gave them, and takes them back at any time.
    "read" if "owner";
    "read_content" if "owner";
    "revoke" if "owner";
}

has_role(person: Person, "owner", key: ApiKey) if key.owner_id = person.id;


resource Project {
    permissions = [
        "read", "read_content", "create_asset", "submit_prompt", "update", "share", "export", "delete", "set_retention"
    ];
    roles = ["owner", "editor", "viewer"];

    # Whoever may edit may also view.
    "viewer" if "editor";

    # Viewers see the project and what is in it.
    "read" if "viewer";
    "read_content" if "viewer";
    # Editors work in it.
    "create_asset" if "editor";
    "submit_prompt" if "editor";
    "update" if "editor";
    # The owner does all of that,
    "read" if "owner";
    "read_content" if "owner";
    "create_asset" if "owner";
    "submit_prompt" if "owner";
    "update" if "owner";
    # and nobody else decides who may come in, takes a copy of the whole, has it erased, or chooses how long it stays.
    "share" if "owner";
    "export" if "owner";
    "delete" if "owner";
    "set_retention" if "owner";
}

# A project belongs to the contributor who made it.
has_role(person: Person, "owner", project: Project) if project.owner_id = person.id;
# The owner shares it with others, each as editor or as viewer.
has_role(person: Person, "editor", project: Project) if
    member in project.members and member.contributor_id = person.id and member.role = "EDITOR";
has_role(person: Person, "viewer", project: Project) if
    member in project.members and member.contributor_id = person.id and member.role = "VIEWER";


resource ProjectMember {
    permissions = ["read"];
    roles = ["owner", "member"];

    # The owner sees with whom a project is shared; each of them sees their own part.
    "read" if "owner";
    "read" if "member";
}

has_role(person: Person, "owner", member: ProjectMember) if member.owner_id = person.id;
has_role(person: Person, "member", member: ProjectMember) if member.contributor_id = person.id;


resource Asset {
    permissions = ["read", "read_content", "update", "upload", "delete"];
    roles = ["owner", "editor", "viewer"];
    relations = { project: Project };

    "viewer" if "editor";
    "editor" if "owner";
    "editor" if "editor" on "project";
    "viewer" if "viewer" on "project";

    # Viewers of the project see and open its assets.
    "read" if "viewer";
    "read_content" if "viewer";
    # Editors describe them and upload their files.
    "update" if "editor";
    "upload" if "editor";
    # Only the owner has one erased.
    "delete" if "owner";
}

has_role(person: Person, "owner", asset: Asset) if asset.owner_id = person.id;
has_relation(project: Project, "project", asset: Asset) if project = asset.project;


resource Prompt {
    permissions = ["read", "read_content", "cancel", "delete"];
    roles = ["owner", "viewer"];
    relations = { project: Project };

    "viewer" if "owner";
    "viewer" if "viewer" on "project";

    # Viewers of the project see and open its prompts.
    "read" if "viewer";
    "read_content" if "viewer";
    # The owner of the project stops any run in it, and has prompts erased.
    "cancel" if "owner";
    "delete" if "owner";
}

has_role(person: Person, "owner", prompt: Prompt) if prompt.owner_id = person.id;
has_relation(project: Project, "project", prompt: Prompt) if project = prompt.project;
# Whoever wrote a prompt stops its run, for as long as they are in the project.
has_permission(person: Person, "cancel", prompt: Prompt) if
    prompt.author_id = person.id and has_role(person, "viewer", prompt);


resource PromptStep {
    permissions = ["read", "read_content"];
    roles = ["owner", "viewer"];
    relations = { project: Project };

    "viewer" if "owner";
    "viewer" if "viewer" on "project";

    # Whoever sees a prompt watches its run.
    "read" if "viewer";
    "read_content" if "viewer";
}

has_role(person: Person, "owner", step: PromptStep) if step.owner_id = person.id;
has_relation(project: Project, "project", step: PromptStep) if project = step.prompt.project;


resource PromptAsset {
    permissions = ["read"];
    roles = ["owner", "viewer"];
    relations = { project: Project };

    "viewer" if "owner";
    "viewer" if "viewer" on "project";

    # Whoever sees a prompt sees which assets were given with it.
    "read" if "viewer";
}

has_role(person: Person, "owner", given: PromptAsset) if given.owner_id = person.id;
has_relation(project: Project, "project", given: PromptAsset) if project = given.prompt.project;


resource Output {
    permissions = ["read", "read_content", "delete"];
    roles = ["owner", "viewer"];
    relations = { project: Project };

    "viewer" if "owner";
    "viewer" if "viewer" on "project";

    # Viewers of the project see and open what was made in it.
    "read" if "viewer";
    "read_content" if "viewer";
    # Only the owner has an output erased.
    "delete" if "owner";
}

has_role(person: Person, "owner", output: Output) if output.owner_id = person.id;
has_relation(project: Project, "project", output: Output) if project = output.project;


# A file's bytes are reached through the asset or the export they belong to, never by themselves.
resource Blob {
    permissions = [];
}


resource Export {
    permissions = ["read", "read_content", "export", "delete"];
    roles = ["owner"];

    # Only the contributor who asked for a copy sees it, opens it and takes it away.
    "read" if "owner";
    "read_content" if "owner";
    "export" if "owner";
    "delete" if "owner";
}

has_role(person: Person, "owner", export: Export) if export.owner_id = person.id;


resource Deletion {
    permissions = ["read"];
    roles = ["owner"];

    # A contributor watches what they asked to be destroyed, and sees the count that was made afterwards.
    "read" if "owner";
}

has_role(person: Person, "owner", deletion: Deletion) if deletion.owner_id = person.id;


resource LegalHold {
    permissions = ["read", "read_reason", "approve", "release"];
    roles = ["owner"];

    # A contributor sees what of theirs is kept by law, since when, and why.
    "read" if "owner";
    "read_reason" if "owner";
}

# A hold belongs to the contributor whose things it keeps.
has_role(person: Person, "owner", hold: LegalHold) if hold.subject_id = person.id;


resource RetentionSetting {
    permissions = ["read"];
    roles = ["owner"];

    # A contributor sees how long they have chosen to keep things.
    "read" if "owner";
}

has_role(person: Person, "owner", setting: RetentionSetting) if setting.owner_id = person.id;


resource Service {
    permissions = ["read", "read_content", "assess", "enable", "disable"];
}

# Any contributor sees to which services work may be sent, and which will begin; there is no other secret about one than
# what staff wrote when they assessed it.
has_permission(_: Person, "read", service: Service) if service.status = "APPROVED";


# Which jobs staff hold is about staff, and no contributor's.
resource RoleAssignment {
    permissions = ["read"];
}


# Who is to work here is about staff too.
resource Appointment {
    permissions = ["read", "read_reason", "approve", "deny"];
}


# What checks of controls found is about the platform, and no contributor's.
resource Finding {
    permissions = ["read", "read_content", "accept"];
}


resource Notice {
    permissions = ["read", "read_content", "update"];
    roles = ["owner"];

    # A contributor sees and opens what they were told, and says that they have read it.
    "read" if "owner";
    "read_content" if "owner";
    "update" if "owner";
}

has_role(person: Person, "owner", notice: Notice) if notice.owner_id = person.id;


resource NoticeSettings {
    permissions = ["read", "read_content", "update"];
    roles = ["owner"];

    # A contributor chooses how else they are told.
    "read" if "owner";
    "read_content" if "owner";
    "update" if "owner";
}

has_role(person: Person, "owner", settings: NoticeSettings) if settings.owner_id = person.id;


# What staff publish is read by those who publish, and by those who check that it was.
resource PublishedNotice {
    permissions = ["read"];
}


resource AuditEvent {
    permissions = ["read"];
    roles = ["owner", "actor"];

    # A contributor sees what happened to their data, whoever did it, and what they did themselves.
    "read" if "owner";
    "read" if "actor";
}

has_role(person: Person, "owner", event: AuditEvent) if event.personal.subject_id = person.id;
has_role(person: Person, "actor", event: AuditEvent) if event.personal.actor_id = person.id;
# What their API keys and agents did for them is theirs to see as well.
has_role(person: Person, "actor", event: AuditEvent) if event.personal.on_behalf_of = person.id;


# What happened to a contributor's work in an incident they read in their access log; the incident is staff's to handle.
resource Incident {
    permissions = ["read", "read_content", "handle", "notify"];
}


# What is to be done after an incident, whose it is, and by when. It is about no contributor.
resource FollowUp {
    permissions = ["read", "read_content", "handle", "complete", "review"];
}


# When a part of the platform was away, or will be: everybody reads it at /status.
resource Outage {
    permissions = ["read", "update"];
}


# What was to change of what runs here, and who agreed. It is about nobody; what concerns contributors they are told.
resource Change {
    permissions = ["read", "read_reason", "approve", "deny"];
}


# How the platform stands is at /status; who locked it down, and why, is about staff.
resource Lockdown {
    permissions = ["read", "read_reason", "end"];
}


resource Investigation {
    permissions = ["read", "read_content", "close"];
    roles = ["subject"];

    # Whoever is investigated sees that they are, since when and until when. The reason stays with security.
    "read" if "subject";
}

has_role(person: Person, "subject", investigation: Investigation) if investigation.person_id = person.id;
