<?php
/* Plugin Name: Callbacks to be measured */
add_action( 'bench_nothing', '__return_null' );

// Notes in microseconds how long it was from the call of the function that scheduled it to here.
add_action(
    'bench_latency',
    function ( $called ) {
        $took = (int) ( 1e6 * ( microtime( true ) - $called ) );
        file_put_contents( ABSPATH . 'latencies', "$took\n", FILE_APPEND | LOCK_EX );
    }
);
