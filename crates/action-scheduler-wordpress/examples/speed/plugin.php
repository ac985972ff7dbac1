<?php
/* Plugin Name: Callbacks to be measured */
add_action(
    'bench_nothing',
    function () {
        static $is_first = true;
        if ( $is_first ) {
            $is_first = false;
            file_put_contents( ABSPATH . 'began', microtime( true ) . "\n", FILE_APPEND | LOCK_EX );
        }
    }
);

// Notes in microseconds how long it was from the call of the function that scheduled it to here.
add_action(
    'bench_latency',
    function ( $called ) {
        $took = (int) ( 1e6 * ( microtime( true ) - $called ) );
        file_put_contents( ABSPATH . 'latencies', "$took\n", FILE_APPEND | LOCK_EX );
    }
);
