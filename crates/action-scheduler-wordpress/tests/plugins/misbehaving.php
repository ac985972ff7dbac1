<?php
/**
 * Plugin Name: Misbehaving
 *
 * Does everything that a callback should not do.
 */

add_action( 'be_good', function () {} );
add_action( 'throw_exception', function () { throw new DomainException( 'no such order' ); } );
add_action( 'throw_error', function () { null_function(); } );
add_action( 'exit_quietly', function () { exit; } );
add_action( 'exit_with_code', function () { exit( 3 ); } );
add_action( 'call_wp_die', function () { wp_die( '<p>You may not <b>do</b> this.</p>' ); } );
add_action( 'eat_memory', function () {
    $eaten = array();
    while ( true ) {
        $eaten[] = str_repeat( 'x', 1000000 );
    }
} );
add_action( 'trigger_error', function () { trigger_error( 'out of stock', E_USER_ERROR ); } );
add_action( 'declare_twice', function () { eval( 'function as_twice() {} function as_twice() {}' ); } );
add_action( 'crash', function () { posix_kill( getmypid(), SIGSEGV ); sleep( 10 ); } );
add_action( 'kill_itself', function () { posix_kill( getmypid(), SIGKILL ); sleep( 10 ); } );
add_action( 'loop', function () { while ( true ) { usleep( 100 ); } } );
add_action( 'hang', function () { sleep( 1000 ); } );
add_action( 'hang_deaf', function () {
    pcntl_signal( SIGTERM, SIG_IGN );
    while ( true ) {
        sleep( 1000 );
    }
} );
add_action( 'close_connection', function () {
    foreach ( get_resources( 'stream' ) as $stream ) {
        fclose( $stream );
    }
} );
add_action( 'write_garbage', function () { fwrite( fopen( 'php://fd/3', 'w' ), "HTTP/1.1 200 OK\r\n" ); sleep( 10 ); } );
add_action( 'print_much', function () {
    echo "begin\n";
    for ( $i = 0; $i < 20000; $i++ ) {
        echo str_repeat( 'x', 99 ), "\n";
    }
    echo "the end\n";
} );
add_action( 'print_around', function () {
    echo "printed\n";
    ob_end_flush();
    echo "without a buffer\n";
    fwrite( STDERR, "to the error stream\n" );
    fwrite( STDOUT, "to the output stream\n" );
    ob_start();
    echo "in a buffer left open\n";
} );
add_action( 'warn', function () {
    for ( $i = 0; $i < 3; $i++ ) {
        trigger_error( 'stock is low', E_USER_WARNING );
    }
    @trigger_error( 'nobody wants to know', E_USER_WARNING );
    echo $undefined['key'];
} );
add_action( 'leave_traces', function () {
    wp_set_current_user( 1 );
    wp_cache_set( 'trace', 'left', 'traces' );
    date_default_timezone_set( 'Europe/Berlin' );
    chdir( '/' );
    set_error_handler( function () { return true; } );
    switch_to_locale( 'de_DE' );
} );
add_action( 'find_traces', function () {
    $found = array(
        get_current_user_id(),
        wp_cache_get( 'trace', 'traces' ),
        date_default_timezone_get(),
        getcwd() . '/' === ABSPATH,
    );
    if ( array( 0, false, 'UTC', true ) !== $found ) {
        throw new LogicException( 'traces: ' . wp_json_encode( $found ) );
    }
    trigger_error( 'still told', E_USER_WARNING );
} );
add_action( 'background_child', function () { exec( 'sleep 300 > /dev/null 2>&1 & echo $!', $output ); file_put_contents( ABSPATH . 'child', $output[0] ); } );
add_action( 'who_am_i', function () { echo posix_geteuid(), ' ', json_encode( posix_getgroups() ), ' ', getenv( 'SECRET_OF_THE_DAEMON' ) ?: 'no secret'; } );
add_action( 'store_another', function () { do_action( 'action_scheduler_stored_action', 1 ); } );
