//! Prints `config.example.env`: `cargo run -p fanfare-process --example config > config.example.env`.

fn main() {
    print!("{}", fanfare_process::catalogue::example_file(fanfare_process::catalogue::ALL));
}
