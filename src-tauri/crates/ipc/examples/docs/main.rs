//! Writes the schema, the pages and the examples of the local API.

mod pages;
mod schema;

fn main() -> std::io::Result<()> {
    let top = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..");
    for (path, content) in pages::all(&schema::schema()) {
        let path = top.join(path);
        if let Some(directory) = path.parent() {
            std::fs::create_dir_all(directory)?;
        }
        std::fs::write(path, content)?;
    }
    Ok(())
}
