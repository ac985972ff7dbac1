//! The files of the bridge are in the program: it is built anew when one of them changes, or comes, or goes.

fn main() {
    println!("cargo::rerun-if-changed=../../wordpress/action-scheduler-bridge");
}
