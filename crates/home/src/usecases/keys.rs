//! A new signing key in custody, which waits until the agent's owner lists it.

use crate::error::HomeError;
use crate::home::{Home, Inner};
use crate::keys::SealPurpose;
use crate::model::NextKey;
use crate::rows::{self, CustodyRow};
use crate::session::AgentSession;
use serde_bytes::ByteBuf;
use tidepool_kernel::{LocalRequest, RowExpect};
use tidepool_protocol::identity::possession_proof;
use tidepool_protocol::{AgentId, AuthorId, PublicKey, SecretKey, Signer};
use tidepool_views::{RowWrite, identity};
use zeroize::Zeroizing;

impl Home {
    /// The key that will sign for the agent once its owner lists it by a `rotate`; the same one until then.
    ///
    /// # Errors
    /// When the kernel or the store fails.
    pub async fn next_signing_key(&self, session: &AgentSession) -> Result<NextKey, HomeError> {
        let agent = session.id;
        let (next, made) = self.read(move |inner| inner.next_key(agent)).await?;
        if let Some((rows, expect)) = made {
            self.request(LocalRequest::Write { rows, expect }).await?;
        }
        Ok(next)
    }
}

type Made = (Vec<RowWrite>, Vec<RowExpect>);

impl Inner {
    fn next_key(&self, agent: AgentId) -> Result<(NextKey, Option<Made>), HomeError> {
        let author = AuthorId::from(agent);
        let row_key = rows::next_key_key(agent);
        let seen = self.reader().get(&row_key)?;
        let sealing = self.parts.keys.sealing();
        let proved = |secret: &SecretKey| NextKey {
            key: secret.public_key(),
            proof: possession_proof(self.facts.network, author, secret),
        };
        let waiting: Option<PublicKey> = seen.as_ref().map(|value| rows::decode(value)).transpose()?;
        if let Some(key) = waiting {
            let known = identity::current(self.reader(), author)?;
            let used = known.is_some_and(|known| {
                known.closed.contains(&key) || known.state.signing.iter().any(|entry| entry.key == key)
            });
            if let (false, Some(row)) = (used, self.row::<CustodyRow>(&rows::custody_key(&key))?) {
                let seed = sealing.open_seed(SealPurpose::Signing, &key.0, &row.sealed).ok_or(HomeError::Seal)?;
                return Ok((proved(&SecretKey::from_seed(*seed)), None));
            }
        }
        let random = &*self.parts.random;
        let mut seed = Zeroizing::new([0; 32]);
        random.fill(&mut *seed);
        let secret = SecretKey::from_seed(*seed);
        let public = secret.public_key();
        let sealed = ByteBuf::from(sealing.seal(random, SealPurpose::Signing, &public.0, &*seed));
        let made = vec![
            rows::put(row_key.clone(), &public),
            rows::put(rows::custody_key(&public), &CustodyRow { agent, sealed }),
        ];
        let expect = vec![RowExpect { key: row_key, value: seen }];
        Ok((proved(&secret), Some((made, expect))))
    }
}
