//! Access tokens as PASETO: v4.public by the fleet's own signature backend, v4.local by pasetors.
//!
//! The footer is `{"kid":"k4.pid.…"}` or `{"kid":"k4.lid.…"}`, and there is no implicit assertion, so that others'
//! libraries read these tokens with the key alone.

use alloc::{boxed::Box, format, string::String, vec::Vec};

use crate::{
    crypto::{base64url, paseto},
    keyring::{PublicKey, SigningKey},
};
#[cfg(feature = "std")]
pub(super) use local::{LocalKeys, LocalSigner};

/// Signs v4.public.
#[derive(Debug)]
pub(super) struct PublicSigner {
    footer: Box<str>,
    key: SigningKey,
}

/// Public keys, each with the footer that names it, base64url.
#[derive(Clone, Debug)]
pub(super) struct PublicKeys(Vec<(Box<str>, PublicKey)>);

impl PublicSigner {
    pub(super) fn new(key: SigningKey) -> Self {
        let kid = key.public().paserk_id().expect("v4.public keys are Ed25519");
        Self { footer: footer(&kid), key }
    }

    pub(super) fn sign(&self, claims: Vec<u8>) -> String {
        paseto::assemble(claims, &self.footer, |message| self.key.sign(message))
    }
}

impl PublicKeys {
    pub(super) fn new(keys: impl IntoIterator<Item = PublicKey>) -> Self {
        let prepare = |key: PublicKey| Some((base64url::encode(footer(&key.paserk_id()?).as_bytes()).into(), key));
        Self(keys.into_iter().filter_map(prepare).collect())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a token names a key which is none of these.
    pub(super) fn lack_key_of(&self, token: &str) -> bool {
        paseto::Public::split(token).is_some_and(|token| self.0.iter().all(|(footer, _)| **footer != *token.footer))
    }

    /// The message, if one of these keys signed it.
    pub(super) fn open(&self, token: &str) -> Option<Vec<u8>> {
        let token = paseto::Public::split(token)?;
        let (_, key) = self.0.iter().find(|(footer, _)| **footer == *token.footer)?;
        key.verify(&token.signed()?, token.signature()).then(|| token.message().to_vec())
    }
}

fn footer(kid: &str) -> Box<str> {
    format!(r#"{{"kid":"{kid}"}}"#).into()
}

#[cfg(feature = "std")]
mod local {
    use alloc::{boxed::Box, string::String, vec::Vec};
    use core::fmt;

    use pasetors::{
        Local,
        keys::SymmetricKey,
        token::UntrustedToken,
        version4::{LocalToken, V4},
    };

    use super::footer;
    use crate::{crypto::Secret, keyring::paserk};

    /// Seals v4.local. pasetors draws the nonces from the operating system itself.
    pub(in crate::token) struct LocalSigner {
        footer: Box<str>,
        key: SymmetricKey<V4>,
    }

    /// Keys, each with the footer that names it.
    #[derive(Clone)]
    pub(in crate::token) struct LocalKeys(Vec<(Box<str>, SymmetricKey<V4>)>);

    impl LocalSigner {
        pub(in crate::token) fn new(key: &Secret<32>) -> Self {
            Self { footer: footer(&paserk::local_id(key)), key: symmetric(key) }
        }

        pub(in crate::token) fn seal(&self, claims: &[u8]) -> String {
            let token = LocalToken::encrypt(&self.key, claims, Some(self.footer.as_bytes()), None);
            token.expect("sealing fails only without randomness")
        }
    }

    impl LocalKeys {
        pub(in crate::token) fn new<'a>(keys: impl IntoIterator<Item = &'a Secret<32>>) -> Self {
            Self(keys.into_iter().map(|key| (footer(&paserk::local_id(key)), symmetric(key))).collect())
        }

        /// The message, if one of these keys sealed it.
        pub(in crate::token) fn open(&self, token: &str) -> Option<Vec<u8>> {
            let token = UntrustedToken::<Local, V4>::try_from(token).ok()?;
            let (_, key) = self.0.iter().find(|(footer, _)| footer.as_bytes() == token.untrusted_footer())?;
            let opened = LocalToken::decrypt(key, &token, None, None).ok()?;
            Some(opened.payload().as_bytes().to_vec())
        }
    }

    fn symmetric(key: &Secret<32>) -> SymmetricKey<V4> {
        SymmetricKey::from(key.expose()).expect("v4.local keys have 32 bytes")
    }

    impl fmt::Debug for LocalSigner {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(&self.footer)
        }
    }

    impl fmt::Debug for LocalKeys {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.debug_list().entries(self.0.iter().map(|(footer, _)| footer)).finish()
        }
    }
}
