#!/bin/sh
# One would guess that Rust prints a double with the digits of every other language that prints the shortest
# ones: JavaScript, Python and Go print the even one of two decimals that are equally close to the double.
# Rust prints the larger one (2026-11-29, 1.63 and 1.95): 1424953923781206.25 becomes 1424953923781206.3 and
# not 1424953923781206.2, a vector of RFC 8785, appendix B.
# It matters to whoever writes canonical JSON in Rust, or compares printed numbers between
# languages. `examples/rust/samekey.rs` rounds to even.
# Exits with 1 if the version behaves differently.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cat > check.rs <<'RS'
fn main() {
    let numbers: [f64; 2] = [1424953923781206.25, 2.98023223876953125e-8];
    for number in numbers {
        println!("{number:?} {number:e}");
    }
}
RS
rustc check.rs
./check | tee found
printf '1424953923781206.3 1.4249539237812063e15\n2.9802322387695313e-8 2.9802322387695313e-8\n' | cmp - found
node -e 'console.log(1424953923781206.25, 2.98023223876953125e-8)' | grep -qx '1424953923781206.2 2.9802322387695312e-8'
