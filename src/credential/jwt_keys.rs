//! The keys of JWTs, parsed at start: a key that does not match the algorithm, is too weak, or is not the other half of the pair
//! is a configuration error (RFC 7518, 3.3 and 3.4).

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey};

use crate::secrets::ExposeSecret as _;
use crate::settings::{JwtAlgorithm, JwtRules, SettingError, check_p256_public_key, check_rsa_public_key};

pub(super) fn parse(rules: &JwtRules) -> Result<(Algorithm, EncodingKey, DecodingKey), SettingError> {
    let secret = rules.signing_key.expose_secret().as_bytes();
    let shared = |algorithm| Ok((algorithm, EncodingKey::from_secret(secret), DecodingKey::from_secret(secret)));
    let public = rules.verifying_key.as_deref().unwrap_or_default().as_bytes();
    let (algorithm, signing, verifying, expected) = match rules.algorithm {
        JwtAlgorithm::HS256 => return shared(Algorithm::HS256),
        JwtAlgorithm::HS384 => return shared(Algorithm::HS384),
        JwtAlgorithm::HS512 => return shared(Algorithm::HS512),
        JwtAlgorithm::RS256 => {
            let keys = (EncodingKey::from_rsa_pem(secret), DecodingKey::from_rsa_pem(public));
            (Algorithm::RS256, keys.0, keys.1, "an RSA key of at least 2048 bits")
        }
        JwtAlgorithm::ES256 => {
            let keys = (EncodingKey::from_ec_pem(secret), DecodingKey::from_ec_pem(public));
            (Algorithm::ES256, keys.0, keys.1, "a P-256 key (a private one as PKCS#8)")
        }
        JwtAlgorithm::EdDSA => {
            let keys = (EncodingKey::from_ed_pem(secret), DecodingKey::from_ed_pem(public));
            (Algorithm::EdDSA, keys.0, keys.1, "an Ed25519 key (a private one as PKCS#8)")
        }
    };
    let wrong =
        |name: &str| SettingError::new(name, format!("must be {expected} in PEM form for SIMPLE_JWT_ALGORITHM"));
    let signing = signing.map_err(|_| wrong("SIMPLE_JWT_SIGNING_KEY"))?;
    let verifying = verifying.map_err(|_| wrong("SIMPLE_JWT_VERIFYING_KEY"))?;
    // Signing parses the key: it fails for a small RSA key or another curve.
    let probe =
        jsonwebtoken::crypto::sign(b"probe", &signing, algorithm).map_err(|_| wrong("SIMPLE_JWT_SIGNING_KEY"))?;
    let public = verifying.try_get_as_bytes().unwrap_or_default();
    let strength = match rules.algorithm {
        JwtAlgorithm::RS256 => check_rsa_public_key(public),
        JwtAlgorithm::ES256 => check_p256_public_key(public),
        _ => Ok(()),
    };
    strength.map_err(|problem| SettingError::new("SIMPLE_JWT_VERIFYING_KEY", problem))?;
    match jsonwebtoken::crypto::verify(&probe, b"probe", &verifying, algorithm) {
        Ok(true) => Ok((algorithm, signing, verifying)),
        _ => Err(SettingError::new("SIMPLE_JWT_VERIFYING_KEY", "is not the public key of SIMPLE_JWT_SIGNING_KEY")),
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der, PublicKeyX509Der};
    use aws_lc_rs::rsa::{KeyPair, KeySize};
    use aws_lc_rs::signature::KeyPair as _;
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use rcgen::{PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ED25519, SignatureAlgorithm};

    use super::*;
    use crate::secrets::SecretString;

    const RSA_1024: (&str, &str) = (
        "-----BEGIN PRIVATE KEY-----\n\
         MIICdgIBADANBgkqhkiG9w0BAQEFAASCAmAwggJcAgEAAoGBAMPekqWI2lbkz1Nx\n\
         OWo5QFz8/VZI/ANNp1SFs3pYIffKSL0Ckv3UO7bzbc9eTb2EzYftwK635vVX6p6n\n\
         6tsDalVuW1zg0+nu3GFSTE59c5mbi/yyfXgTYjTwg2BFacQDztSL7UNuw3oNT6M0\n\
         V9AmeaOleZhU/nOuZD9vOoBcPC8FAgMBAAECgYEAggE6HqsuGJy4S68MJ8gmQ1Ic\n\
         KGg69UpWdRBlJyBWM2zNSL7rp5R1qiH60bfLK6546O7ShGVF47Rd4r6bcJDcwvr5\n\
         prM3waYsc0puKCI7scjYLDWEs/Qmtm+nc4miM+tndwV62diA8rgZUn/Gcxh85E7K\n\
         pNkB8+busBDO/cULm2ECQQD1tP4YY+Kzh+E0WhxwXoEXHpT2ywROv1jkaN43JEHP\n\
         vTHw+Z2Xcflgl9zM1Ib0U943pxmyP4XPb2VZPmj0FpzZAkEAzBMc5KMDMGUSB33O\n\
         frDxA0DmrDgzxHqvDAQUFCJ7iawyC5/gReiCbZ3Y46A/akHNt5rtxhTpkcxQkEve\n\
         IcT4DQJAfngz1dAMD0agh3beboRmQ8Us/b7Pr8zT73V+87kI2unSO+vvztUOfEaO\n\
         kyvNbxOALPsowdPqhzQaYY47LXA6OQJAIMLcu5Oz2lwPZeZ7dPlA583Oek1Xei5b\n\
         1aj99DGI9ZQQQK982Jw3/BMAE6LRK2S++r/Ddi47RO2w7UlQssklLQJAeLYkpRnx\n\
         ViIGGcg1Q5Fy1/O5EW2Tf+4D1SkhNrNDhG2fSQ4hF09Bq1Jh+7rFIrNflA/l0+Ex\n\
         yO9+ZshWdvhsqg==\n\
         -----END PRIVATE KEY-----",
        "-----BEGIN PUBLIC KEY-----\n\
         MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDD3pKliNpW5M9TcTlqOUBc/P1W\n\
         SPwDTadUhbN6WCH3yki9ApL91Du2823PXk29hM2H7cCut+b1V+qep+rbA2pVbltc\n\
         4NPp7txhUkxOfXOZm4v8sn14E2I08INgRWnEA87Ui+1DbsN6DU+jNFfQJnmjpXmY\n\
         VP5zrmQ/bzqAXDwvBQIDAQAB\n\
         -----END PUBLIC KEY-----",
    );

    fn error(algorithm: JwtAlgorithm, (private, public): (&str, &str)) -> Option<String> {
        let rules = JwtRules {
            algorithm,
            signing_key: SecretString::from(private),
            verifying_key: Some(public.to_owned()),
            ..JwtRules::default()
        };
        parse(&rules).err().map(|error| error.to_string())
    }

    fn rsa() -> (String, String) {
        let pem = |label: &str, der: &[u8]| {
            format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der))
        };
        let pair = KeyPair::generate(KeySize::Rsa2048).expect("a key");
        let private: Pkcs8V1Der<'_> = pair.as_der().expect("PKCS#8");
        let public: PublicKeyX509Der<'_> = pair.public_key().as_der().expect("a public key");
        (pem("PRIVATE KEY", private.as_ref()), pem("PUBLIC KEY", public.as_ref()))
    }

    fn curve(algorithm: &'static SignatureAlgorithm) -> (String, String) {
        let pair = rcgen::KeyPair::generate_for(algorithm).expect("a key");
        (pair.serialize_pem(), pair.public_key_pem())
    }

    #[test]
    fn sec_29_weak_and_unsupported_pem_keys_are_errors_of_their_setting() {
        let (rsa, other_rsa) = (rsa(), rsa());
        let (p256, p384) = (curve(&PKCS_ECDSA_P256_SHA256), curve(&PKCS_ECDSA_P384_SHA384));
        let ed25519 = curve(&PKCS_ED25519);
        for (algorithm, pair) in
            [(JwtAlgorithm::RS256, &rsa), (JwtAlgorithm::ES256, &p256), (JwtAlgorithm::EdDSA, &ed25519)]
        {
            assert_eq!(error(algorithm, (&pair.0, &pair.1)), None);
        }
        let cases = [
            (JwtAlgorithm::RS256, RSA_1024, "SIGNING_KEY: must be an RSA key of at least 2048 bits"),
            (JwtAlgorithm::RS256, (&rsa.0, RSA_1024.1), "VERIFYING_KEY: is an RSA key of 1024 bits"),
            (JwtAlgorithm::RS256, (&p256.0, &p256.1), "SIGNING_KEY: must be an RSA key of at least 2048 bits"),
            (JwtAlgorithm::RS256, (&rsa.0, &other_rsa.1), "VERIFYING_KEY: is not the public key of"),
            (JwtAlgorithm::ES256, (&p384.0, &p384.1), "SIGNING_KEY: must be a P-256 key"),
            (JwtAlgorithm::ES256, (&p256.0, &p384.1), "VERIFYING_KEY: is a key of another curve than P-256"),
            (JwtAlgorithm::ES256, (&rsa.0, &rsa.1), "SIGNING_KEY: must be a P-256 key"),
            (JwtAlgorithm::EdDSA, (&p256.0, &p256.1), "SIGNING_KEY: must be an Ed25519 key"),
            (JwtAlgorithm::EdDSA, (&ed25519.0, "no key"), "VERIFYING_KEY: must be an Ed25519 key"),
        ];
        for (algorithm, pair, expected) in cases {
            let error = error(algorithm, pair).unwrap_or_default();
            assert!(error.starts_with(&format!("SIMPLE_JWT_{expected}")), "{expected}: {error}");
        }
    }
}
