//! Public keys and their names: JWK (RFC 7517), its thumbprint (RFC 7638), PASERK.

/// A key that checks signatures.
#[derive(Clone, Debug)]
pub struct PublicKey {}
