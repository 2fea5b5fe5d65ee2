//! How a provider's code reaches a person, and how a challenge says so.

use crate::{
    challenge::{Challenge, ChallengeId},
    token::Amr,
};

/// How a provider's code reaches a person.
///
/// No claim says it, and the tokens' `amr` depends on it. So the challenge's id does: its last two bits are the method, the
/// other 126 are random, and the `mac` authenticates all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// A text message.
    Sms,
    /// A voice that reads it.
    Call,
    /// A message in WhatsApp.
    Whatsapp,
    /// A call from a number whose last digits are the code.
    FlashCall,
}

/// The bits of an id's last byte that are the method.
const MASK: u8 = 0b11;

impl Method {
    /// All of them; the first is asked for by default.
    pub const ALL: [Self; 4] = [Self::Sms, Self::Call, Self::Whatsapp, Self::FlashCall];

    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sms => "sms",
            Self::Call => "call",
            Self::Whatsapp => "whatsapp",
            Self::FlashCall => "flashcall",
        }
    }

    /// What tokens say of it: RFC 8176 has names for SMS and for calls.
    #[must_use]
    pub const fn amr(self) -> Amr {
        match self {
            Self::Sms => Amr::OTP_SMS,
            Self::Call | Self::FlashCall => Amr::OTP_TEL,
            Self::Whatsapp => Amr::OTP,
        }
    }

    /// The id of a challenge by this method, from 16 random bytes.
    #[must_use]
    pub const fn id(self, mut random: [u8; 16]) -> ChallengeId {
        random[15] = random[15] & !MASK | self as u8;
        ChallengeId::from_random(random)
    }

    /// The method of a challenge that [`Method::id`] named.
    #[must_use]
    pub const fn of(challenge: &Challenge) -> Self {
        Self::ALL[(challenge.id.as_bytes()[15] & MASK) as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::challenge::{GuardId, Use};
    use crate::{recipient::Channel, time::UnixTime};

    fn challenge(id: ChallengeId) -> Challenge {
        Challenge {
            id,
            issued_at: UnixTime::from_seconds(1),
            expires_at: UnixTime::from_seconds(2),
            usage: Use::EXTERNAL,
            channel: Channel::Mobile,
            format: None,
            guard: GuardId::new("node.1").unwrap(),
            binding: None,
        }
    }

    #[test]
    fn a_challenge_says_its_method_in_two_bits_of_its_id() {
        for random in [[0; 16], [0xff; 16], [0b0101_1010; 16]] {
            for method in Method::ALL {
                let id = method.id(random);
                assert_eq!(Method::of(&challenge(id)), method);
                assert_eq!((&id.as_bytes()[..15], id.as_bytes()[15] >> 2), (&random[..15], random[15] >> 2));
            }
        }
    }

    #[test]
    fn tokens_name_what_rfc_8176_has_a_name_for() {
        assert_eq!(Method::ALL.map(Method::amr), [Amr::OTP_SMS, Amr::OTP_TEL, Amr::OTP, Amr::OTP_TEL]);
    }
}
