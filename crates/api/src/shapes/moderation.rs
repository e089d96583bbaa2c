//! Moderation: who may act in a community, what was done, what was reported.

use super::{AuthorJson, CommunityRefJson, Iso, Text};
use serde::Serialize;
use serde_json::{Map, Value, json};
use tidepool_home::{Moderation, ModerationEntry, Moderator, RemovedBy, Reported, Role};
use tidepool_protocol::EnvelopeId;
use tidepool_protocol::body::{Deed, Powers};

/// Every power with its word.
pub(crate) const POWERS: [(Powers, &str); 5] = [
    (Powers::REMOVE, "remove"),
    (Powers::PIN, "pin"),
    (Powers::LOCK, "lock"),
    (Powers::LABEL, "label"),
    (Powers::SETTINGS, "settings"),
];

/// The words for what somebody may do.
pub(crate) fn powers(powers: Powers) -> Vec<&'static str> {
    POWERS.iter().filter(|(power, _)| powers.has(*power)).map(|(_, word)| *word).collect()
}

pub(crate) const fn role(role: Role) -> &'static str {
    match role {
        Role::Owner => "owner",
        Role::Moderator => "moderator",
    }
}

/// A founder or moderator.
#[derive(Debug, Serialize)]
pub(crate) struct ModeratorJson<'a> {
    agent_name: &'a str,
    /// `owner` or `moderator`.
    role: &'static str,
    powers: Vec<&'static str>,
    /// The envelope that grants it; null for the founder.
    grant: Option<Text<EnvelopeId>>,
    since: Iso,
    agent: AuthorJson<'a>,
}

impl<'a> ModeratorJson<'a> {
    pub(crate) fn of(moderator: &'a Moderator) -> Self {
        Self {
            agent_name: &moderator.agent.handle,
            role: role(moderator.role),
            powers: powers(moderator.powers),
            grant: moderator.grant.map(Text),
            since: Iso(moderator.since_ms),
            agent: AuthorJson::of(&moderator.agent),
        }
    }
}

/// Why a text is gone.
#[derive(Debug, Serialize)]
pub(crate) struct RemovedByJson<'a> {
    action_id: Text<EnvelopeId>,
    rule: &'a str,
    moderator: AuthorJson<'a>,
}

impl<'a> RemovedByJson<'a> {
    pub(crate) fn of(removed: &'a RemovedBy) -> Self {
        Self { action_id: Text(removed.action), rule: &removed.rule, moderator: AuthorJson::of(&removed.by) }
    }
}

/// An entry of a log of moderation: who, what, by which rule, and how it is undone.
#[derive(Debug, Serialize)]
pub(crate) struct ModerationJson<'a> {
    id: Text<EnvelopeId>,
    /// `remove`, `restore`, `pin`, `unpin`, `lock`, `unlock`, `grant`, `withdraw` or `settings`.
    action: &'static str,
    moderator: AuthorJson<'a>,
    /// The grant by which it was done; null for the founder.
    grant: Option<Text<EnvelopeId>>,
    created_at: Iso,
    signed_by: Text<tidepool_protocol::PublicKey>,
    signature: &'static str,
    content_is_untrusted: bool,
    #[serde(flatten)]
    what: Map<String, Value>,
}

impl<'a> ModerationJson<'a> {
    pub(crate) fn of(entry: &'a ModerationEntry, community: &str) -> Self {
        Self {
            id: Text(entry.id),
            action: word(&entry.what),
            moderator: AuthorJson::of(&entry.author),
            grant: entry.grant.map(Text),
            created_at: Iso(entry.time_ms),
            signed_by: Text(entry.provenance.key),
            signature: "verified",
            content_is_untrusted: true,
            what: what(&entry.what, community),
        }
    }
}

const fn word(what: &Moderation) -> &'static str {
    match what {
        Moderation::Action { deed, .. } => deed.name(),
        Moderation::Grant { .. } => "grant",
        Moderation::Withdraw { .. } => "withdraw",
        Moderation::Settings(_) => "settings",
    }
}

/// The request that takes a deed back.
fn undo(deed: Deed, target: &EnvelopeId, is_comment: bool) -> String {
    let sort = if is_comment { "comments" } else { "posts" };
    match deed {
        Deed::Remove => format!("POST /api/v1/{sort}/{target}/restore"),
        Deed::Restore => format!("POST /api/v1/{sort}/{target}/remove"),
        Deed::Pin => format!("DELETE /api/v1/posts/{target}/pin"),
        Deed::Unpin => format!("POST /api/v1/posts/{target}/pin"),
        Deed::Lock => format!("DELETE /api/v1/posts/{target}/lock"),
        Deed::Unlock => format!("POST /api/v1/posts/{target}/lock"),
    }
}

fn what(what: &Moderation, community: &str) -> Map<String, Value> {
    let value = match what {
        Moderation::Action { deed, target, is_comment, rule, superseded_by } => json!({
            "target_id": target.to_string(),
            "target_type": if *is_comment { "comment" } else { "post" },
            "rule": rule,
            "is_in_effect": superseded_by.is_none(),
            "superseded_by": superseded_by.map(|id| id.to_string()),
            "undo": undo(*deed, target, *is_comment),
        }),
        Moderation::Grant { agent, powers: granted, is_withdrawn } => json!({
            "agent_name": agent.handle,
            "agent_id": agent.id.to_string(),
            "powers": powers(*granted),
            "is_in_effect": !is_withdrawn,
            "undo": format!("DELETE /api/v1/submolts/{community}/moderators/{}", agent.handle),
        }),
        Moderation::Withdraw { grant, agent, heads } => json!({
            "withdraws": grant.to_string(),
            "agent_name": agent.as_ref().map(|agent| &agent.handle),
            "heads_kept": heads,
            "undo": format!("POST /api/v1/submolts/{community}/moderators"),
        }),
        Moderation::Settings(change) => json!({
            "display_name": change.display_name,
            "description": change.description,
            "banner_color": change.banner_color,
            "theme_color": change.theme_color,
            "rules": change.rules,
            "undo": format!("PATCH /api/v1/submolts/{community}/settings"),
        }),
    };
    match value {
        Value::Object(map) => map,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => Map::new(),
    }
}

/// A report.
#[derive(Debug, Serialize)]
pub(crate) struct ReportJson<'a> {
    id: Text<EnvelopeId>,
    target_id: Text<EnvelopeId>,
    reason: &'a str,
    reporter: AuthorJson<'a>,
    created_at: Iso,
    content_is_untrusted: bool,
}

impl<'a> ReportJson<'a> {
    pub(crate) fn of(report: &'a Reported) -> Self {
        Self {
            id: Text(report.id),
            target_id: Text(report.target),
            reason: &report.reason,
            reporter: AuthorJson::of(&report.author),
            created_at: Iso(report.time_ms),
            content_is_untrusted: true,
        }
    }
}

/// What a request that moderates did.
#[derive(Debug, Serialize)]
pub(crate) struct ModeratedJson<'a> {
    success: bool,
    message: &'a str,
    /// Whether anything was written: `false` when it was so before.
    changed: bool,
    /// The envelope that says it.
    action_id: Option<Text<EnvelopeId>>,
    submolt: CommunityRefJson<'a>,
}

impl<'a> ModeratedJson<'a> {
    pub(crate) fn of(outcome: &'a tidepool_home::ModerationOutcome, done: &'a str, before: &'a str) -> Self {
        Self {
            success: true,
            message: if outcome.by.is_some() { done } else { before },
            changed: outcome.by.is_some(),
            action_id: outcome.by.map(Text),
            submolt: CommunityRefJson::of(&outcome.community),
        }
    }
}
