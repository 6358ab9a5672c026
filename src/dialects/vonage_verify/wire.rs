//! Names as Vonage's clients write them.

use uuid::Uuid;

/// What the site calls a request; kept as a tag of this name.
pub const CLIENT_REF: &str = "client_ref";

/// What Vonage's clients call the key, which is the secret: eight hexadecimal digits of its id.
pub fn api_key(id: Uuid) -> String {
    id.simple().to_string().split_off(24)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_called_by_the_end_of_its_id() {
        let id = Uuid::from_u128(0x0199_3f0e_0000_7000_8000_0000_01ab_cdef);
        assert_eq!(api_key(id), "01abcdef");
    }
}
