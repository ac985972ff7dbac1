use proptest::prelude::*;

use super::*;

fn parse(source: &str) -> Result<WpConfig, Beyond> {
    WpConfig::parse(source.as_bytes())
}

const USUAL: &str = r#"<?php
/** The base configuration; define( 'DB_NAME', 'of a comment' ); */
# define( 'DB_USER', 'of a comment' );
define( 'DB_NAME', 'shop' ); // the name
define("DB_USER", "shop\$user");
define( 'DB_PASSWORD', 'it\'s \\ "secret"; define(\'DB_HOST\', \'x\');' );
define( 'DB_HOST', 'localhost:/run/mysqld/mysqld.sock' );
define( 'AUTH_KEY', 'a;b"c' );
\define( 'DISABLE_WP_CRON', true );
DEFINE( 'SITE_ID_CURRENT_SITE', 1 );
$table_prefix = 'wp7_';
define( 'WP_DEBUG', (bool) getenv( 'DEBUG' ) );
$_SERVER['HTTPS'] = 'on';
ini_set( 'memory_limit', '64M' );
if ( isset( $_SERVER['HTTP_X'] ) && $_SERVER['HTTP_X'] === 'https' ) {
	$_SERVER['HTTPS'] = 'on';
} elseif ( ! defined( 'X' ) ) define( 'X', 2 );
else { define( 'Y', array( 1, 2 ) ); }
if ( ! defined( 'ABSPATH' ) ) {
	define( 'ABSPATH', __DIR__ . '/' );
}
require_once ABSPATH . 'wp-settings.php';
anything_at_all();
"#;

#[test]
fn a_usual_config_is_read_without_php() {
    let config = parse(USUAL).unwrap();
    assert_eq!(config.text("DB_NAME").as_deref(), Some("shop"));
    assert_eq!(config.text("DB_USER").as_deref(), Some("shop$user"));
    let password = config.text("DB_PASSWORD");
    assert_eq!(password.as_deref(), Some(r#"it's \ "secret"; define('DB_HOST', 'x');"#));
    assert_eq!(config.text("DB_HOST").as_deref(), Some("localhost:/run/mysqld/mysqld.sock"));
    assert!(config.is_true("DISABLE_WP_CRON"));
    assert_eq!(config.number("SITE_ID_CURRENT_SITE"), Some(1));
    assert_eq!(config.table_prefix.as_deref(), Some("wp7_"));
    let shown = format!("{config:?}");
    assert!(!shown.contains("secret"), "{shown}");
}

#[test]
fn the_first_definition_counts() {
    let config = parse("<?php define('DB_NAME', 'a'); define('DB_NAME', 'b');").unwrap();
    assert_eq!(config.text("DB_NAME").as_deref(), Some("a"));
}

#[test]
fn what_only_php_can_know_is_left_to_php() {
    for source in [
        "<?php define('DB_NAME', getenv('DB'));",
        "<?php define('DB_NAME', 'a' . 'b');",
        "<?php define('DB_NAME', \"a$b\");",
        "<?php define('DB_' . 'NAME', 'a');",
        "<?php define($name, 'a');",
        "<?php $x = define('DB_NAME', 'a');",
        "<?php if ($x) { define('DB_NAME', 'a'); }",
        "<?php if ($x) define('DB_NAME', 'a');",
        "<?php if ($x) { define('DB_' . 'NAME', 'a'); }",
        "<?php if ($x): define('DB_NAME', 'a'); endif;",
        "<?php defined('DB_NAME') or define('DB_NAME', 'a');",
        "<?php $table_prefix = getenv('PREFIX');",
        "<?php if ($x) { $table_prefix = 'a'; }",
        "<?php $GLOBALS['table_prefix'] = 'a';",
        "<?php $p = &$table_prefix;",
        "<?php ['table_prefix' => $table_prefix] = f;",
        "<?php ${'table_prefix'} = 'a';",
        "<?php require 'local.php';",
        "<?php if ($x) { include 'local.php'; }",
        "<?php configure();",
        "<?php $f('DB_NAME');",
        "<?php 'define'('DB_NAME', 'x');",
        "<?php ('de' . 'fine')('DB_NAME', 'x');",
        "<?php array_map('define', ['DB_NAME'], ['x']);",
        "<?php function define() {}",
        "<?php namespace x; define('DB_NAME', 'a');",
        "<?php const DB_NAME = 'a';",
        "<?php foreach ([1] as $x) { define('DB_NAME', 'a'); }",
        "<?php $x = <<<EOT\nEOT;",
        "<?php $x = `id`;",
        "<?php ?>text<?php define('DB_NAME', 'a');",
        "hello <?php define('DB_NAME', 'a');",
        "<?php /* never ends",
        "<?php define('DB_NAME', 'never ends",
        "<?php define('DB_NAME', 'a')",
    ] {
        let read = parse(source);
        assert!(read.is_err(), "{source}: {read:?}");
    }
}

#[test]
fn the_place_is_told() {
    let beyond = parse("<?php\n\ninclude 'x.php';\n").unwrap_err();
    assert_eq!(beyond.line, 3);
    assert_eq!(beyond.to_string(), "line 3: another file is included");
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = WpConfig::parse(&bytes);
        let _ = WpConfig::parse(&[b"<?php ".as_slice(), &bytes].concat());
    }

    #[test]
    fn no_text_made_of_php_makes_it_panic(
        parts in prop::collection::vec(
            prop::sample::select(vec![
                "define", "(", ")", "'DB_NAME'", ",", "'x'", ";", "if", "{", "}", "else", "$table_prefix", "=", "\"",
                "'", "/*", "*/", "//", "\n", "?>", "<?php", "<<<", "$", "\\", "require", "&", "[", "]", ":",
            ]),
            0..40,
        ),
    ) {
        let _ = parse(&format!("<?php {}", parts.join(" ")));
        let _ = parse(&format!("<?php {}", parts.concat()));
    }

    #[test]
    fn any_password_survives(password in "\\PC*") {
        let quoted = password.replace('\\', "\\\\").replace('\'', "\\'");
        let config = parse(&format!("<?php define('DB_PASSWORD', '{quoted}');")).unwrap();
        prop_assert_eq!(config.text("DB_PASSWORD"), Some(password));
    }

    #[test]
    fn a_damaged_config_is_never_read_as_another(at in 0_usize..1200, byte in any::<u8>()) {
        let mut source = USUAL.as_bytes().to_vec();
        prop_assume!(at < source.len());
        source[at] = byte;
        // Whatever comes of it: no panic, and no password in an error.
        if let Err(beyond) = WpConfig::parse(&source) {
            prop_assert!(!beyond.to_string().contains("secret"));
        }
    }
}
