<?php
/**
 * Plugin Name: Order mailer
 *
 * Writes a mail for each order into a file, and keeps a count in an option.
 */

add_action( 'mail_order', function ( $order, $customer = null ) {
    $line = wp_json_encode( func_get_args() ) . "\n";
    file_put_contents( ABSPATH . 'mails', $line, FILE_APPEND );
    update_option( 'mails_sent', get_option( 'mails_sent', 0 ) + 1 );
}, 10, 9 );

// What is noted of the hooks around an action.
foreach ( array( 'before_execute', 'begin_execute', 'after_execute', 'completed_action', 'failed_execution', 'unexpected_shutdown' ) as $name ) {
    add_action( "action_scheduler_$name", function ( ...$args ) use ( $name ) {
        if ( 'noted' === get_option( 'note_hooks' ) ) {
            $args = array_map( function ( $arg ) {
                return $arg instanceof Throwable ? $arg->getMessage() : ( is_array( $arg ) ? 'array' : $arg );
            }, $args );
            file_put_contents( ABSPATH . 'hooks', $name . ' ' . wp_json_encode( $args ) . "\n", FILE_APPEND );
        }
    }, 10, 3 );
}
