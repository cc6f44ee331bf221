//! What Windows is told of the program: that it takes paths of more than 260 characters, speaks UTF-8, and wants no more rights
//! than its starter has.

fn main() -> Result<(), embed_manifest::Error> {
    println!("cargo::rerun-if-changed=build.rs");
    match std::env::var_os("CARGO_CFG_WINDOWS") {
        Some(_) => embed_manifest::embed_manifest(embed_manifest::new_manifest("MCPLogin.Command")),
        None => Ok(()),
    }
}
