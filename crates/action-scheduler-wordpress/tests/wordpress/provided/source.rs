//! The source of the bridge itself.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

const FOLDER: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../wordpress/action-scheduler-bridge");

fn files() -> Vec<PathBuf> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            if entry.file_type().unwrap().is_dir() {
                walk(&entry.path(), found);
            } else if entry.path().extension().is_some_and(|extension| extension == "php") {
                found.push(entry.path());
            }
        }
    }
    let mut found = Vec::new();
    walk(Path::new(FOLDER), &mut found);
    assert!(found.len() > 40, "{}", found.len());
    found
}

fn php(args: &[&str]) -> String {
    let output = Command::new("php").args(args).output().unwrap();
    let (out, err) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}{err}");
    out.into_owned()
}

#[test]
fn every_file_is_good_php() {
    for file in files() {
        let said = php(&[
            "-d",
            "error_reporting=-1",
            "-d",
            "display_errors=1",
            "-l",
            file.to_str().unwrap(),
        ]);
        assert!(said.starts_with("No syntax errors") && said.lines().count() == 1, "{said}");
    }
}

/// Says what of a file is newer than PHP 7.4, or wrong in PHP 8.4.
const WHAT_IS_NEWER: &str = r#"
$newer_tokens = array( 'T_MATCH', 'T_ENUM', 'T_READONLY', 'T_NULLSAFE_OBJECT_OPERATOR', 'T_ATTRIBUTE', 'T_NAME_QUALIFIED',
    'T_AMPERSAND_FOLLOWED_BY_VAR_OR_VARARG_IN_TYPE' );
$newer_functions = array( 'str_contains', 'str_starts_with', 'str_ends_with', 'array_is_list', 'array_find', 'array_any', 'array_all',
    'get_debug_type', 'fdiv', 'json_validate', 'mb_trim', 'mb_ucfirst', 'array_key_first_of' );
foreach ( array_slice( $argv, 1 ) as $file ) {
    $say    = function ( $token, $what ) use ( $file ) { echo basename( $file ), ':', $token->line, ': ', $what, "\n"; };
    $tokens = array_values( array_filter( PhpToken::tokenize( file_get_contents( $file ) ), function ( $token ) { return ! $token->isIgnorable(); } ) );
    foreach ( $tokens as $place => $token ) {
        $next   = $tokens[ $place + 1 ] ?? null;
        $before = $tokens[ $place - 1 ] ?? null;
        if ( in_array( $token->getTokenName(), $newer_tokens, true ) ) {
            $say( $token, $token->getTokenName() );
        }
        if ( $token->is( T_STRING ) && in_array( strtolower( $token->text ), $newer_functions, true ) && $next && $next->is( '(' ) ) {
            $say( $token, $token->text );
        }
        // A named argument; a label of a switch is no name behind a parenthesis or a comma.
        if ( $token->is( T_STRING ) && $next && $next->is( ':' ) && $before && $before->is( array( '(', ',' ) ) ) {
            $say( $token, 'named argument' );
        }
        // throw as an expression, and exceptions that are caught without a variable.
        if ( $token->is( T_THROW ) && ! $before->is( array( ';', '{', '}', ':', ')', T_OPEN_TAG ) ) ) {
            $say( $token, 'throw as an expression' );
        }
        if ( $token->is( T_CATCH ) ) {
            for ( $end = $place; ! $tokens[ $end ]->is( ')' ); $end++ ) { continue; }
            if ( ! $tokens[ $end - 1 ]->is( T_VARIABLE ) ) {
                $say( $token, 'catch without a variable' );
            }
        }
        if ( $token->is( array( T_FUNCTION, T_FN ) ) ) {
            for ( $from = $place; ! $tokens[ $from ]->is( '(' ); $from++ ) { continue; }
            for ( $end = $from, $depth = 0; ; $end++ ) {
                $depth += $tokens[ $end ]->is( '(' ) ? 1 : ( $tokens[ $end ]->is( ')' ) ? -1 : 0 );
                if ( 0 === $depth ) { break; }
                if ( 1 === $depth && $tokens[ $end ]->is( array( '|', T_PUBLIC, T_PRIVATE, T_PROTECTED ) ) ) {
                    $say( $token, 'a union type or a promoted property' );
                }
                // Deprecated in 8.4: a type that null is not in, with null for its default.
                if ( $tokens[ $end ]->is( T_VARIABLE ) && $tokens[ $end + 1 ]->is( '=' ) && 0 === strcasecmp( $tokens[ $end + 2 ]->text, 'null' )
                    && $tokens[ $end - 1 ]->is( array( T_STRING, T_ARRAY, T_CALLABLE ) ) && ! $tokens[ $end - 2 ]->is( '?' ) ) {
                    $say( $token, 'a type that is null by default without saying so' );
                }
            }
            if ( $tokens[ $end - 1 ]->is( ',' ) ) {
                $say( $token, 'a comma behind the last parameter' );
            }
            for ( $type = $end + 1; ! $tokens[ $type ]->is( array( '{', ';', T_DOUBLE_ARROW ) ); $type++ ) {
                if ( $tokens[ $type ]->is( array( '|', T_STATIC ) ) || in_array( strtolower( $tokens[ $type ]->text ), array( 'mixed', 'never' ), true ) ) {
                    $say( $token, 'a type that is newer' );
                }
                if ( $tokens[ $type ]->is( T_USE ) ) { break; }
            }
        }
    }
}
"#;

fn what_is_newer(files: &[&str]) -> String {
    let mut args = vec!["-r", WHAT_IS_NEWER, "--"];
    args.extend(files);
    php(&args)
}

#[test]
fn nothing_in_it_is_newer_than_php_7_4_or_wrong_in_8_4() {
    let files = files();
    let files: Vec<&str> = files.iter().map(|file| file.to_str().unwrap()).collect();
    assert_eq!(what_is_newer(&files), "");
}

#[test]
fn what_is_newer_would_be_found() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("newer.php");
    let newer = "<?php
        $a = match ( 1 ) { 1 => 2 };
        $a?->b();
        str_contains( 'a', 'b' );
        f( name: 1 );
        $a = $b ?? throw new E();
        try { f(); } catch ( E ) {}
        function u( int|string $a ) {}
        class C { function __construct( private $a ) {} function s(): static {} }
        function n( DateTime $a = null ) {}
        function c( $a, ) {}
        function m( ?DateTime $a = null, $b = null ): mixed {}
        #[Pure] function p() {}";
    std::fs::write(&file, newer).unwrap();
    let found = what_is_newer(&[file.to_str().unwrap()]);
    let lines: BTreeSet<&str> = found.lines().filter_map(|line| line.split(':').nth(1)).collect();
    assert_eq!(lines.len(), 12, "{found}");
}

#[test]
fn every_class_is_in_the_file_of_its_name() {
    for file in files() {
        let text = std::fs::read_to_string(&file).unwrap();
        let declared: Vec<&str> = text
            .lines()
            .filter_map(|line| {
                let mut words =
                    line.split(' ').skip_while(|word| matches!(*word, "final" | "abstract"));
                matches!(words.next(), Some("class" | "interface")).then(|| words.next()).flatten()
            })
            .collect();
        let name = file.file_stem().unwrap().to_str().unwrap();
        if name.contains('_') || name.starts_with(char::is_uppercase) {
            assert_eq!(declared, [name]);
        } else {
            assert!(declared.is_empty(), "{}", file.display());
        }
    }
}

#[test]
fn the_version_is_the_same_everywhere() {
    let version = env!("CARGO_PKG_VERSION");
    for (file, line) in [
        ("action-scheduler-bridge.php", format!(" * Version: {version}")),
        (
            "action-scheduler-bridge.php",
            format!("Action_Scheduler_Bridge_Versions::register( '{version}', __DIR__ );"),
        ),
        ("src/bridge/Action_Scheduler_Bridge.php", format!("\tconst VERSION = '{version}';")),
        ("readme.txt", format!("Stable tag: {version}")),
    ] {
        let text = std::fs::read_to_string(format!("{FOLDER}/{file}")).unwrap();
        assert!(text.lines().any(|found| found == line), "{file}: {line}");
    }
}

#[test]
fn no_statement_is_made_of_what_others_give() {
    for file in files() {
        let text = std::fs::read_to_string(&file).unwrap();
        for (number, line) in text.lines().enumerate() {
            // Every statement that takes a value is prepared; $wpdb->insert and the like are not used for their quoting.
            let runs =
                ["->query( \"", "->get_var( \"", "->get_row( \"", "->get_col( \"", "->query( '"];
            assert!(
                !runs.iter().any(|run| line.contains(run)),
                "{}:{}: {line}",
                file.display(),
                number + 1
            );
        }
    }
}
