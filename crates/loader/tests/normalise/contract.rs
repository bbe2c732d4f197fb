//! The contract's tables, which dashboards rely on.

use super::readback::fresh;

#[test]
fn tables_have_the_columns_of_the_contract() {
    let mut text = String::new();
    for (table, schema) in fresh().schemas() {
        let time = schema.time.as_deref().unwrap_or("-");
        text.push_str(&format!("{table} from {} key {} time {time}\n", schema.stream, schema.key.join(", ")));
        for column in &schema.columns {
            text.push_str(&format!("  {} {}\n", column.name, column.kind));
        }
    }
    insta::assert_snapshot!(text);
}
