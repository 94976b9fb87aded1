//! Encodes and decodes messages: identities, delimiter, HMAC-SHA256 signature, header, parent
//! header, metadata, content.

use super::{Header, Message, VERSION};
use crate::error::{Error, Result};
use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use std::sync::atomic::{AtomicU64, Ordering};

const DELIMITER: &[u8] = b"<IDS|MSG>";

/// Signs and verifies the messages of one kernel.
#[derive(Debug, Clone)]
pub(crate) struct Signer {
    /// If empty, messages are not signed.
    key: Vec<u8>,
    /// Identifies this kernel process in every header it sends.
    session: String,
}

impl Signer {
    /// # Errors
    /// Returns an error for a signature scheme other than HMAC-SHA256.
    pub(crate) fn new(key: &str, scheme: &str) -> Result<Self> {
        if !scheme.is_empty() && scheme != "hmac-sha256" {
            let message = format!("unsupported signature scheme {scheme:?}; expected hmac-sha256");
            return Err(Error::Format { what: "connection file".to_owned(), message });
        }
        let now = chrono::Utc::now().timestamp_nanos_opt().unwrap_or_default();
        Ok(Self {
            key: key.as_bytes().to_vec(),
            session: format!("rask-{}-{now:x}", std::process::id()),
        })
    }

    fn mac(&self, parts: &[impl AsRef<[u8]>]) -> Option<Hmac<Sha256>> {
        if self.key.is_empty() {
            return None;
        }
        // HMAC accepts keys of any length.
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.key).expect("HMAC accepts keys of any length");
        for p in parts {
            mac.update(p.as_ref());
        }
        Some(mac)
    }

    /// Creates a header with a new id.
    fn header(&self, msg_type: &str) -> Value {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        json!({
            "msg_id": format!("{}-{}", self.session, NEXT.fetch_add(1, Ordering::Relaxed)),
            "session": self.session,
            "username": "kernel",
            "date": chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Micros, true),
            "msg_type": msg_type,
            "version": VERSION,
        })
    }

    /// Encodes a message from this kernel as frames.
    pub(crate) fn encode(
        &self,
        identities: &[Bytes],
        msg_type: &str,
        parent: Option<&Header>,
        metadata: &Value,
        content: &Value,
    ) -> Vec<Bytes> {
        let parent = parent.map_or_else(|| json!({}), |p| json!(p));
        let parts = [self.header(msg_type), parent, metadata.clone(), content.clone()]
            .map(|v| Bytes::from(v.to_string()));
        let signature =
            self.mac(&parts).map(|m| hex(&m.finalize().into_bytes())).unwrap_or_default();
        let mut frames = identities.to_vec();
        frames.extend([Bytes::from_static(DELIMITER), Bytes::from(signature)]);
        frames.extend(parts);
        frames
    }

    /// Decodes a message from frames.
    ///
    /// # Errors
    /// Returns an error if the frames are not a message, or are not signed with this kernel's key.
    pub(crate) fn decode(&self, frames: &[Bytes]) -> Result<Message> {
        let bad = |message: &str| Error::Format {
            what: "message".to_owned(),
            message: message.to_owned(),
        };
        let at = frames
            .iter()
            .position(|f| &f[..] == DELIMITER)
            .ok_or_else(|| bad("it has no delimiter"))?;
        let [signature, parts @ ..] = &frames[at + 1..] else {
            return Err(bad("it ends after the delimiter"));
        };
        let [header, _parent, metadata, content] =
            parts.get(..4).ok_or_else(|| bad("it has fewer than four parts"))?
        else {
            return Err(bad("it has fewer than four parts"));
        };
        if let Some(mac) = self.mac(&parts[..4]) {
            let given = unhex(signature).ok_or_else(|| bad("its signature is not hexadecimal"))?;
            mac.verify_slice(&given)
                .map_err(|_| bad("its signature does not match this kernel's key"))?;
        }
        let json = |e: serde_json::Error| bad(&e.to_string());
        let header = serde_json::from_slice(header).map_err(json)?;
        let metadata = serde_json::from_slice(metadata).map_err(json)?;
        let content = serde_json::from_slice(content).map_err(json)?;
        let buffers = parts[4..].to_vec();
        Ok(Message { identities: frames[..at].to_vec(), header, metadata, content, buffers })
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn unhex(text: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(text).ok()?;
    if !text.len().is_multiple_of(2) || !text.is_ascii() {
        return None;
    }
    (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_survive_and_forged_ones_do_not() {
        let signer = Signer::new("secret", "hmac-sha256").unwrap();
        let id = Bytes::from_static(b"me");
        let frames = signer.encode(
            std::slice::from_ref(&id),
            "status",
            None,
            &json!({}),
            &json!({"execution_state": "busy"}),
        );
        let m = signer.decode(&frames).unwrap();
        assert_eq!(
            (m.identities, m.header.msg_type.as_str(), m.header.version.as_str()),
            (vec![id], "status", "5.5")
        );
        assert_eq!(m.content["execution_state"], "busy");
        let mut with_buffer = frames.clone();
        with_buffer.push(Bytes::from_static(b"\0\xff"));
        assert_eq!(signer.decode(&with_buffer).unwrap().buffers, [&b"\0\xff"[..]]);
        for part in 3..7 {
            let mut forged = frames.clone();
            forged[part] = Bytes::from_static(b"{\"msg_id\":\"1\",\"msg_type\":\"x\"}");
            assert!(signer.decode(&forged).is_err(), "part {part} can be forged");
        }
        let other = Signer::new("other", "").unwrap();
        assert!(other.decode(&frames).unwrap_err().to_string().contains("signature"));
        assert!(
            Signer::new("", "").unwrap().decode(&frames).is_ok(),
            "without a key nothing is checked"
        );
        assert!(Signer::new("k", "hmac-md5").is_err());
    }

    #[test]
    fn broken_frames_are_errors_not_panics() {
        let signer = Signer::new("", "").unwrap();
        let good = signer.encode(&[], "a", None, &json!({}), &json!({}));
        for n in 0..good.len() {
            assert!(signer.decode(&good[..n]).is_err());
        }
        assert_eq!(unhex("0\u{e9}".as_bytes()), None);
        assert_eq!(unhex(b"00ff"), Some(vec![0, 255]));
    }
}
