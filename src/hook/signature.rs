//! The three headers of Standard Webhooks: id, timestamp and signature.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::clock::UnixMillis;
use crate::outgoing::Pairs;
use crate::secrets::SharedKey;

/// One signature for each secret, so that receivers can verify while a secret is replaced.
pub(super) fn headers(secrets: &[SharedKey], id: &str, at: UnixMillis, body: &str) -> Pairs {
    let timestamp = at.seconds().to_string();
    let parts = [id, ".", &timestamp, ".", body].map(str::as_bytes);
    let signatures: Vec<String> =
        secrets.iter().map(|secret| format!("v1,{}", STANDARD.encode(secret.sign(&parts)))).collect();
    let named = [("webhook-id", id), ("webhook-timestamp", &timestamp), ("webhook-signature", &signatures.join(" "))];
    named.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signature_of_the_example_in_the_standard_webhooks_specification() {
        let key = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("base64");
        let at = UnixMillis::from_seconds(1_614_265_330);
        let made = headers(&[SharedKey::new(&key)], "msg_p5jXN8AQM9LWM0D4loKWxJek", at, r#"{"test": 2432232314}"#);
        assert_eq!(made[1].1, "1614265330");
        assert_eq!(made[2].1, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }
}
