//! Identity tokens: an agent shows another service who it is, for an hour, without showing its key.
//!
//! A token is a JWT (RFC 7519) signed with EdDSA (RFC 8037) by the agent's own signing key. Whoever knows the agent's identity
//! checks it with any JWT library and asks nobody; a node that holds the identity checks it for whoever does not.

use crate::error::HomeError;
use crate::home::{Home, Inner};
use crate::limits::{TOKEN_AUDIENCE_CHARS_MAX, TOKEN_BYTES_MAX, TOKEN_CLOCKS_S, TOKEN_LASTS_S};
use crate::model::{Agent, IdentityToken, TokenRefusal, TokenVerdict};
use crate::session::AgentSession;
use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use serde::{Deserialize, Serialize};
use tidepool_kernel::Custody;
use tidepool_protocol::kind::Group;
use tidepool_protocol::signer::{Domain, verify_signature};
use tidepool_protocol::{AgentId, EnvelopeId, PublicKey, Signature, TimeMs};
use tidepool_views::identity;

/// The head of every token.
#[derive(Debug, Serialize, Deserialize)]
struct Head {
    alg: String,
    typ: Option<String>,
    /// The `did:key` that signed.
    kid: String,
}

/// What a token says. Times are in whole seconds since 1970.
#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    aud: Option<String>,
    iat: u64,
    exp: u64,
    #[serde(default)]
    jti: String,
    /// The operation of the identity that lists the key, as the home knew it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    auth: Option<String>,
}

impl Home {
    /// A token by which the agent says who it is, to `audience` alone if one is named (a service's host, say).
    ///
    /// # Errors
    /// [`HomeError::NotInCustody`] for an agent that signs for itself: it makes its tokens itself.
    pub async fn identity_token(
        &self,
        session: &AgentSession,
        audience: Option<String>,
    ) -> Result<IdentityToken, HomeError> {
        let audience = audience.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        if let Some(text) = audience.as_ref().filter(|text| text.chars().count() > TOKEN_AUDIENCE_CHARS_MAX) {
            let (seen, allowed) = (crate::error::shown(text), "at most 255 characters, a host name say");
            return Err(HomeError::Invalid { field: "audience", seen, allowed });
        }
        let (agent, now) = (session.id, self.now());
        let mut number = [0; 16];
        self.inner.parts.random.fill(&mut number);
        self.read(move |inner| inner.make_token(agent, audience, now, &number)).await
    }

    /// Whose token it is, if it holds now and is for `audience`.
    ///
    /// # Errors
    /// [`HomeError::Token`] says why it does not hold.
    pub async fn verify_identity(&self, token: &str, audience: Option<&str>) -> Result<TokenVerdict, HomeError> {
        let token = Token::read(token)?;
        // An agent of another home may be known there only.
        match self.locate_agent(&token.agent.to_string()).await {
            Ok(_) => {}
            Err(HomeError::NotFound { .. }) => return Err(HomeError::Token(TokenRefusal::AgentNotFound)),
            Err(error) => return Err(error),
        }
        let now = self.now();
        let audience = audience.map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned);
        self.read(move |inner| inner.judge_token(&token, audience.as_deref(), now)).await
    }
}

/// A token that is one, of whatever worth.
struct Token {
    agent: AgentId,
    key: PublicKey,
    claims: Claims,
    signed: String,
    signature: Signature,
}

impl Token {
    fn read(text: &str) -> Result<Self, HomeError> {
        Self::parse(text.trim()).ok_or(HomeError::Token(TokenRefusal::Invalid))
    }

    fn parse(text: &str) -> Option<Self> {
        if text.len() > TOKEN_BYTES_MAX {
            return None;
        }
        let (signed, signature) = text.rsplit_once('.')?;
        let (head, claims) = signed.split_once('.')?;
        let decoded = |part: &str| BASE64URL_NOPAD.decode(part.as_bytes()).ok();
        let head: Head = serde_json::from_slice(&decoded(head)?).ok()?;
        let claims: Claims = serde_json::from_slice(&decoded(claims)?).ok()?;
        let signature = Signature(decoded(signature)?.try_into().ok()?);
        if head.alg != "EdDSA" || claims.iss != claims.sub {
            return None;
        }
        let (agent, key) = (claims.sub.parse().ok()?, head.kid.parse().ok()?);
        Some(Self { agent, key, claims, signed: signed.to_owned(), signature })
    }
}

impl Inner {
    fn make_token(
        &self,
        agent: AgentId,
        audience: Option<String>,
        now: TimeMs,
        number: &[u8; 16],
    ) -> Result<IdentityToken, HomeError> {
        let key = self.custody_key_of(agent)?.ok_or(HomeError::NotInCustody)?;
        let operation: Option<EnvelopeId> =
            identity::current(self.reader(), agent.into())?.map(|identity| identity.state.operation);
        let iat = now.0 / 1_000;
        let claims = Claims {
            iss: agent.to_string(),
            sub: agent.to_string(),
            aud: audience.clone(),
            iat,
            exp: iat + TOKEN_LASTS_S,
            jti: HEXLOWER.encode(number),
            auth: operation.map(|id| id.to_string()),
        };
        let head = Head { alg: "EdDSA".to_owned(), typ: Some("JWT".to_owned()), kid: key.to_string() };
        let part = |json: Vec<u8>| BASE64URL_NOPAD.encode(&json);
        let json = |error| HomeError::Store(tidepool_views::ReadError { reason: format!("a token: {error}") });
        let signed = format!(
            "{}.{}",
            part(serde_json::to_vec(&head).map_err(json)?),
            part(serde_json::to_vec(&claims).map_err(json)?)
        );
        let signature = self.parts.custody.sign(&key, Domain::Jws, signed.as_bytes()).ok_or(HomeError::NotInCustody)?;
        let token = format!("{signed}.{}", BASE64URL_NOPAD.encode(&signature.0));
        Ok(IdentityToken { token, expires_ms: TimeMs((iat + TOKEN_LASTS_S) * 1_000), lasts_s: TOKEN_LASTS_S, audience })
    }

    fn judge_token(&self, token: &Token, audience: Option<&str>, now: TimeMs) -> Result<TokenVerdict, HomeError> {
        let refused = |refusal| Err(HomeError::Token(refusal));
        let Some(identity) = identity::current(self.reader(), token.agent.into())? else {
            return refused(TokenRefusal::AgentNotFound);
        };
        let listed = identity.state.signing.iter().find(|entry| entry.key == token.key);
        let is_valid = |entry: &tidepool_protocol::identity::KeyUse| {
            entry.allows(Group::Agent) && entry.not_after.is_none_or(|end| end > now)
        };
        let signed = verify_signature(&token.key, Domain::Jws, token.signed.as_bytes(), &token.signature);
        if !signed || !listed.is_some_and(is_valid) || identity.closed.contains(&token.key) {
            return refused(TokenRefusal::Invalid);
        }
        let now_s = now.0 / 1_000;
        let claims = &token.claims;
        if claims.iat > now_s + TOKEN_CLOCKS_S || claims.exp > claims.iat.saturating_add(TOKEN_LASTS_S) {
            return refused(TokenRefusal::Invalid);
        }
        if claims.exp <= now_s {
            return refused(TokenRefusal::Expired);
        }
        match (claims.aud.as_deref(), audience) {
            (Some(_), None) => return refused(TokenRefusal::AudienceRequired),
            (Some(said), Some(asked)) if said == asked => {}
            (None, None) => {}
            (Some(_) | None, Some(_)) => return refused(TokenRefusal::AudienceMismatch),
        }
        let agent: Agent = self.agent(None, token.agent)?;
        Ok(TokenVerdict { agent, expires_ms: TimeMs(claims.exp.saturating_mul(1_000)), audience: claims.aud.clone() })
    }
}
