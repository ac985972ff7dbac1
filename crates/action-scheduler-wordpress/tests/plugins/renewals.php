<?php
/**
 * Plugin Name: Renewals
 *
 * Charges subscriptions: each charge is a line in a file, with the process that did it. Some cards are declined.
 */

add_action( 'charge_renewal', function ( $subscription ) {
    file_put_contents( ABSPATH . 'charges', "$subscription " . getmypid() . "\n", FILE_APPEND | LOCK_EX );
    if ( 0 === $subscription % 5 && $subscription ) {
        throw new RuntimeException( "card of subscription $subscription declined" );
    }
} );
