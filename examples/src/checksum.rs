//! CRC-32 as Ethernet has it: finds every burst of up to 32 wrong bits, and what is cut but for one time in four billion.

/// The reversed polynomial.
const POLYNOMIAL: u32 = 0xEDB8_8320;

/// What half a byte does to the remainder.
const TABLE: [u32; 16] = table();

const fn table() -> [u32; 16] {
    let mut table = [0; 16];
    let mut nibble = 0;
    while nibble < 16 {
        let mut remainder = nibble as u32;
        let mut bit = 0;
        while bit < 4 {
            remainder = if remainder & 1 == 0 { remainder >> 1 } else { remainder >> 1 ^ POLYNOMIAL };
            bit += 1;
        }
        table[nibble] = remainder;
        nibble += 1;
    }
    table
}

/// The checksum of `bytes`.
pub fn crc32(bytes: &[u8]) -> u32 {
    let step = |remainder: u32, nibble: u8| {
        let [index, ..] = (remainder ^ u32::from(nibble)).to_le_bytes();
        remainder >> 4 ^ TABLE[usize::from(index & 15)]
    };
    !bytes.iter().fold(!0, |remainder, byte| step(step(remainder, byte & 15), byte >> 4))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_usual_one() {
        assert_eq!(crc32(b""), 0);
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
    }
}
