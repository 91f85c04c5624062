//! The proof of who somebody is: an ID token, checked whole before anything in it is used.
//!
//! Only public-key signatures count: a shared secret would let whoever knows it make proofs. Headers that name a key
//! elsewhere (`jku`, `x5u`, `jwk`) are never followed; the key is one of those that the provider publishes.
//!
//! # Source
//! OpenID Connect Core 1.0 section 3.1.3.7; RFC 8725 (JSON Web Token Best Current Practices).

use openidconnect::core::{
    CoreAuthDisplay, CoreAuthPrompt, CoreErrorResponseType, CoreGenderClaim, CoreJsonWebKey,
    CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm as Algorithm, CoreRevocableToken,
    CoreRevocationErrorResponse, CoreTokenIntrospectionResponse, CoreTokenType,
};
use openidconnect::{
    AccessTokenHash, AdditionalClaims, ClaimsVerificationError, EmptyExtraTokenFields, EndpointMaybeSet,
    EndpointNotSet, EndpointSet, IdTokenClaims, IdTokenFields, Nonce, OAuth2TokenResponse, SignatureVerificationError,
    StandardErrorResponse, StandardTokenResponse, TokenResponse,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Signatures that count.
const ACCEPTED: [Algorithm; 9] = [
    Algorithm::RsaSsaPkcs1V15Sha256,
    Algorithm::RsaSsaPkcs1V15Sha384,
    Algorithm::RsaSsaPkcs1V15Sha512,
    Algorithm::RsaSsaPssSha256,
    Algorithm::RsaSsaPssSha384,
    Algorithm::RsaSsaPssSha512,
    Algorithm::EcdsaP256Sha256,
    Algorithm::EcdsaP384Sha384,
    Algorithm::EdDsa,
];
/// Longest subject, in bytes (Core 1.0, section 2).
const SUBJECT_MAX: usize = 255;
/// How far the provider's clock may be ahead of ours.
const AHEAD: Duration = Duration::from_secs(60);

/// Claims that are no standard ones, such as groups.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Claims {
    #[serde(flatten)]
    others: Map<String, Value>,
}

impl AdditionalClaims for Claims {}

/// What the provider hands out for a code.
pub type Tokens = StandardTokenResponse<
    IdTokenFields<Claims, EmptyExtraTokenFields, CoreGenderClaim, CoreJweContentEncryptionAlgorithm, Algorithm>,
    CoreTokenType,
>;

/// Asks for tokens and checks them.
pub type Client = openidconnect::Client<
    Claims,
    CoreAuthDisplay,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJsonWebKey,
    CoreAuthPrompt,
    StandardErrorResponse<CoreErrorResponseType>,
    Tokens,
    CoreTokenIntrospectionResponse,
    CoreRevocableToken,
    CoreRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// Why a proof is not believed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Distrust {
    /// There is none.
    #[error("there is no proof of who you are in it")]
    Missing,
    /// It is not signed.
    #[error("the proof is not signed")]
    NotSigned,
    /// It is signed in a way that proves nothing.
    #[error("the proof is signed in a way that is not accepted")]
    Algorithm,
    /// It is signed with a key that the provider does not publish.
    #[error("the proof is signed with a key that is not the provider's")]
    UnknownKey,
    /// The signature is wrong.
    #[error("the signature of the proof is wrong")]
    Signature,
    /// It comes from somebody else.
    #[error("the proof comes from another issuer")]
    Issuer,
    /// It was made for another program.
    #[error("the proof was made for another program")]
    Audience,
    /// It belongs to another sign-in.
    #[error("the proof belongs to another sign-in")]
    Nonce,
    /// It is too old.
    #[error("the proof has expired (are the clocks of both servers right?)")]
    Expired,
    /// It is from the future.
    #[error("the proof is not valid yet (are the clocks of both servers right?)")]
    Early,
    /// The token beside it belongs to somebody else.
    #[error("the proof and the token beside it do not belong together")]
    Mixed,
    /// It is of a kind that is not read here.
    #[error("the proof is of a kind that is not read here")]
    Kind,
}

/// The claims of a proof that holds.
///
/// # Errors
/// [`Distrust`] with the first thing that is wrong.
pub fn claims<'a>(
    client: &Client,
    tokens: &'a Tokens,
    nonce: &Nonce,
    now: SystemTime,
) -> Result<&'a IdTokenClaims<Claims, CoreGenderClaim>, Distrust> {
    let proof = tokens.id_token().ok_or(Distrust::Missing)?;
    let verifier = client.id_token_verifier().set_allowed_algs(ACCEPTED).set_time_fn(move || now.into());
    let claims = proof.claims(&verifier, nonce)?;
    if !(1..=SUBJECT_MAX).contains(&claims.subject().len()) {
        return Err(Distrust::Kind);
    }
    if claims.authorized_party().is_some_and(|party| party != client.client_id()) {
        return Err(Distrust::Audience);
    }
    let latest = (now + AHEAD).duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64());
    let not_before = claims.additional_claims().others.get("nbf").and_then(Value::as_f64);
    if not_before.is_some_and(|at| at > latest) || claims.issue_time().timestamp() as f64 > latest {
        return Err(Distrust::Early);
    }
    if let Some(told) = claims.access_token_hash() {
        let (algorithm, key) = (proof.signing_alg()?, proof.signing_key(&verifier)?);
        let hash = AccessTokenHash::from_token(tokens.access_token(), algorithm, key).map_err(|_| Distrust::Mixed)?;
        if hash != *told {
            return Err(Distrust::Mixed);
        }
    }
    Ok(claims)
}

impl From<ClaimsVerificationError> for Distrust {
    fn from(error: ClaimsVerificationError) -> Self {
        match error {
            ClaimsVerificationError::Expired(_) => Self::Expired,
            ClaimsVerificationError::InvalidAudience(_) => Self::Audience,
            ClaimsVerificationError::InvalidIssuer(_) => Self::Issuer,
            ClaimsVerificationError::InvalidNonce(_) => Self::Nonce,
            ClaimsVerificationError::SignatureVerification(error) => error.into(),
            _ => Self::Kind,
        }
    }
}

impl From<SignatureVerificationError> for Distrust {
    fn from(error: SignatureVerificationError) -> Self {
        match error {
            SignatureVerificationError::NoSignature => Self::NotSigned,
            SignatureVerificationError::DisallowedAlg(_) | SignatureVerificationError::UnsupportedAlg(_) => {
                Self::Algorithm
            }
            SignatureVerificationError::NoMatchingKey => Self::UnknownKey,
            _ => Self::Signature,
        }
    }
}
