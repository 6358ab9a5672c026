//! A small writer of the format MMDB, for IPv4: <https://maxmind.github.io/MaxMind-DB/>.

use std::net::Ipv4Addr;

/// What a file says of one network: its first address, its length, its autonomous system, its country.
pub type Row<'a> = (&'a str, u8, u32, &'a str);

/// Nothing is known.
const NONE: u32 = u32::MAX;
/// Marks a pointer into the data, in the tree as it is built.
const DATA: u32 = 1 << 31;

pub fn mmdb(rows: &[Row<'_>]) -> Vec<u8> {
    let (mut nodes, mut data) = (vec![[NONE; 2]], Vec::new());
    for (first, length, asn, country) in rows {
        let address = u32::from(first.parse::<Ipv4Addr>().unwrap());
        let at = u32::try_from(data.len()).unwrap();
        data.extend(map(&[
            ("autonomous_system_number", number(6, u64::from(*asn))),
            ("country", map(&[("iso_code", text(country))])),
        ]));
        let mut node = 0;
        for bit in 0..*length {
            let side = (address >> (31 - bit) & 1) as usize;
            if bit + 1 == *length {
                nodes[node][side] = DATA | at;
            } else {
                if nodes[node][side] == NONE {
                    nodes.push([NONE; 2]);
                    nodes[node][side] = u32::try_from(nodes.len() - 1).unwrap();
                }
                node = nodes[node][side] as usize;
            }
        }
    }
    let count = u32::try_from(nodes.len()).unwrap();
    let record = |value: u32| match value {
        NONE => count,
        at if at & DATA != 0 => count + 16 + (at & !DATA),
        node => node,
    };
    let tree = nodes.iter().flatten();
    let mut file: Vec<u8> = tree
        .flat_map(|value| record(*value).to_be_bytes().into_iter().skip(1))
        .collect();
    file.extend([0; 16]);
    file.extend(data);
    file.extend(b"\xab\xcd\xefMaxMind.com");
    file.extend(map(&[
        ("binary_format_major_version", number(5, 2)),
        ("binary_format_minor_version", number(5, 0)),
        ("build_epoch", number(9, 1_790_000_000)),
        ("database_type", text("Test-ASN-Country")),
        ("description", map(&[("en", text("for tests"))])),
        ("ip_version", number(5, 4)),
        ("languages", vec![0, 4]),
        ("node_count", number(6, u64::from(count))),
        ("record_size", number(5, 24)),
    ]));
    file
}

fn header(kind: u8, size: usize) -> Vec<u8> {
    let size = u8::try_from(size).unwrap();
    assert!(size < 29);
    if kind > 7 {
        vec![size, kind - 7]
    } else {
        vec![kind << 5 | size]
    }
}

fn text(text: &str) -> Vec<u8> {
    [header(2, text.len()), text.into()].concat()
}

fn number(kind: u8, value: u64) -> Vec<u8> {
    let bytes = value.to_be_bytes();
    let bytes = &bytes[(value.leading_zeros() / 8) as usize..];
    [header(kind, bytes.len()), bytes.to_vec()].concat()
}

fn map(entries: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut all = header(7, entries.len());
    for (key, value) in entries {
        all.extend(text(key));
        all.extend(value);
    }
    all
}
