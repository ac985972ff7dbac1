<?php
// The PHP side of a worker: loads WordPress once, then runs one action after another. It runs in the global scope, as
// WordPress wants to be loaded there. Runs on PHP 7.4 and later.
//
// Protocol (version 1): frames on descriptor 3, which is `$as`. A frame is "AS", the version, a letter for its kind, the
// length of its payload (4 bytes, most significant first), and the payload, JSON.
//
//   to the worker     L load a site      R run an action   E move events of WP-Cron into the queue
//   from the worker   r ready            d done            s stale: not begun, replace me
//                     x ended, in the middle of loading (seq 0) or of what it was asked to do

final class Action_Scheduler_Worker {
    const VERSION = 1;
    // Freed when PHP is out of memory, so that there is room to say so.
    const RESERVE = 262144;
    const WARNINGS = 20;

    private $channel;
    private $site;
    // The number of the action that runs, 0 while WordPress loads, null in between.
    private $current = 0;
    // The number of the action that was asked for and is not begun yet.
    private $asked;
    private $action_id;
    private $died;
    private $stuck;
    private $reserve;
    private $output = '';
    private $cut = 0;
    private $warnings = array();
    private $more_warnings = 0;
    private $stored = 0;
    private $files = array();
    private $options = array();
    private $checked = 0.0;
    private $used = 0.0;
    private $next_handler;
    private $handler;

    public function __construct( $channel ) {
        $this->channel = $channel;
        stream_set_read_buffer( $channel, 65536 );
        $this->handler = array( $this, 'warned' );
    }

    // Takes the site that is to be loaded, and prepares PHP for it; gives the file that loads it.
    public function prepare() {
        list( $kind, $this->site ) = $this->receive();
        if ( 'L' !== $kind ) {
            exit( 1 );
        }
        $this->reserve = str_repeat( ' ', self::RESERVE );
        if ( function_exists( 'cli_set_process_title' ) ) {
            @cli_set_process_title( 'action-scheduler worker: ' . $this->site['name'] );
        }
        $scheme = $this->site['https'] ? 'https' : 'http';
        $_SERVER['HTTP_HOST'] = $this->site['host'];
        $_SERVER['SERVER_NAME'] = preg_replace( '/:\d+$/', '', $this->site['host'] );
        $_SERVER['SERVER_PORT'] = $this->site['https'] ? '443' : '80';
        $_SERVER['SERVER_PROTOCOL'] = 'HTTP/1.1';
        $_SERVER['REQUEST_METHOD'] = 'GET';
        $_SERVER['REQUEST_SCHEME'] = $scheme;
        $_SERVER['REMOTE_ADDR'] = '127.0.0.1';
        $_SERVER['HTTP_USER_AGENT'] = 'Action Scheduler';
        // What WordPress itself is asked for when due work is to be done; it starts no further runner of that then.
        $_SERVER['REQUEST_URI'] = $this->site['path'] . 'wp-cron.php';
        $_SERVER['SCRIPT_NAME'] = $_SERVER['REQUEST_URI'];
        $_SERVER['PHP_SELF'] = $_SERVER['REQUEST_URI'];
        $_SERVER['SCRIPT_FILENAME'] = $this->site['folder'] . '/wp-cron.php';
        $_SERVER['DOCUMENT_ROOT'] = $this->site['folder'];
        if ( $this->site['https'] ) {
            $_SERVER['HTTPS'] = 'on';
        }
        define( 'DOING_CRON', true );
        define( 'ACTION_SCHEDULER_WORKER', self::VERSION );
        set_error_handler( $this->handler );
        register_shutdown_function( array( $this, 'shut_down' ) );
        if ( function_exists( 'pcntl_async_signals' ) ) {
            pcntl_async_signals( true );
            pcntl_signal( SIGTERM, array( $this, 'told_to_end' ) );
        }
        // WordPress takes hooks that were set before it was loaded.
        $GLOBALS['wp_filter']['wp_die_handler'][ PHP_INT_MAX ]['action_scheduler'] = array(
            'function'      => array( $this, 'wp_die_handler' ),
            'accepted_args' => 1,
        );
        chdir( $this->site['folder'] );
        $this->capture();
        return $this->site['folder'] . '/wp-load.php';
    }

    // Runs actions until nobody wants any more.
    public function serve() {
        $this->uncapture();
        if ( ! did_action( 'wp_loaded' ) ) {
            $this->died = 'WordPress was not loaded';
            exit( 1 );
        }
        // What the site set up goes on to hear of warnings.
        $this->next_handler = set_error_handler( $this->handler );
        if ( $this->next_handler === $this->handler ) {
            restore_error_handler();
            $this->next_handler = null;
        }
        add_action( 'action_scheduler_stored_action', array( $this, 'stored' ) );
        // The bookkeeping is done elsewhere: neither a second log entry, nor a runner of the site's own from here.
        add_filter( 'action_scheduler_allow_async_request_runner', '__return_false', PHP_INT_MAX );
        foreach ( array( 'begin_execute', 'after_execute', 'failed_execution', 'unexpected_shutdown' ) as $hook ) {
            $this->unhook_logger( 'action_scheduler_' . $hook );
        }
        // To what listens, a worker is one run of the queue.
        do_action( 'action_scheduler_before_process_queue' );
        $this->take_stock();
        $this->current = null;
        $this->send(
            'r',
            array(
                'php'       => PHP_VERSION,
                'wordpress' => $GLOBALS['wp_version'],
                'source'    => $this->source(),
                'posts'     => $this->posts(),
                'memory'    => memory_get_usage( true ),
                'output'    => $this->take_output(),
                'warnings'  => $this->take_warnings(),
            )
        );
        $this->used = microtime( true );
        while ( $frame = $this->receive() ) {
            list( $kind, $message ) = $frame;
            if ( 'R' !== $kind && 'E' !== $kind ) {
                break;
            }
            $this->asked = $message['seq'];
            $why = $this->stale();
            $this->asked = null;
            if ( null !== $why ) {
                $this->send( 's', array( 'seq' => $message['seq'], 'why' => $why ) );
                break;
            }
            $this->current = $message['seq'];
            error_clear_last();
            $this->stored = 0;
            $level = ob_get_level();
            $this->capture();
            $reason = 'R' === $kind ? $this->run( $message ) : $this->move_events();
            while ( ob_get_level() > $level ) {
                ob_end_flush();
            }
            $this->done( $message['seq'], $reason );
        }
        $this->current = null;
        do_action( 'action_scheduler_after_process_queue' );
        exit( 0 );
    }

    // Gives why it failed, if it did.
    private function run( array $message ) {
        $this->action_id = $message['id'];
        try {
            do_action( 'action_scheduler_before_execute', $message['id'], $message['context'] );
            $args = json_decode( $message['args'], true, 100000 );
            if ( ! is_array( $args ) ) {
                throw new UnexpectedValueException( 'the args are not a list or an object' );
            }
            if ( ! has_action( $message['hook'] ) ) {
                throw new RuntimeException( 'no callback is registered for the hook ' . $message['hook'] );
            }
            do_action( 'action_scheduler_begin_execute', $message['id'], $message['context'] );
            do_action_ref_array( $message['hook'], array_values( $args ) );
            if ( has_action( 'action_scheduler_after_execute' ) ) {
                $action = $this->action_object( $message, $args );
                do_action( 'action_scheduler_after_execute', $message['id'], $action, $message['context'] );
            }
            do_action( 'action_scheduler_completed_action', $message['id'] );
            return null;
        } catch ( Throwable $thrown ) {
            try {
                do_action( 'action_scheduler_failed_execution', $message['id'], $thrown, $message['context'] );
            } catch ( Throwable $second ) {
                $this->warn( 'a listener of action_scheduler_failed_execution failed: ' . $this->describe( $second ) );
            }
            return $this->describe( $thrown );
        }
    }

    // Moves what is due of WP-Cron into the queue, where it is run. Gives why something was left, if it was.
    private function move_events() {
        $this->action_id = 0;
        if ( ! function_exists( 'as_enqueue_async_action' ) ) {
            return 'there is no as_enqueue_async_action(): neither the plugin nor the bridge is active';
        }
        // The lock of wp-cron.php, so that it does not run the same events.
        $held = (float) get_transient( 'doing_cron' );
        if ( $held + WP_CRON_LOCK_TIMEOUT > microtime( true ) ) {
            return 'wp-cron.php is at work';
        }
        $lock = sprintf( '%.22F', microtime( true ) );
        set_transient( 'doing_cron', $lock );
        $left = null;
        foreach ( wp_get_ready_cron_jobs() as $date => $hooks ) {
            foreach ( $hooks as $hook => $events ) {
                foreach ( $events as $event ) {
                    try {
                        $this->move_event( $date, (string) $hook, $event );
                    } catch ( Throwable $thrown ) {
                        $left = "$hook: " . $this->describe( $thrown );
                    }
                }
            }
        }
        if ( get_transient( 'doing_cron' ) === $lock ) {
            delete_transient( 'doing_cron' );
        }
        return $left;
    }

    // In one transaction: however it ends, the event is either where it was, or in the queue.
    private function move_event( $date, $hook, array $event ) {
        global $wpdb;
        // The queue is run from here, and a hook that nobody listens to is passed over, as in wp-cron.php.
        $is_wanted = 'action_scheduler_run_queue' !== $hook && has_action( $hook );
        $wpdb->query( 'START TRANSACTION' );
        try {
            if ( $event['schedule'] ) {
                $this->expect( wp_reschedule_event( $date, $event['schedule'], $hook, $event['args'], true ) );
            }
            $this->expect( wp_unschedule_event( $date, $hook, $event['args'], true ) );
            if ( $is_wanted && ! as_enqueue_async_action( $hook, $event['args'], 'wp-cron' ) ) {
                throw new RuntimeException( 'it was not stored' );
            }
            $wpdb->query( 'COMMIT' );
        } catch ( Throwable $thrown ) {
            $wpdb->query( 'ROLLBACK' );
            // What was taken back is in memory still.
            wp_cache_delete( 'alloptions', 'options' );
            wp_cache_delete( 'cron', 'options' );
            throw $thrown;
        }
    }

    private function expect( $result ) {
        if ( is_wp_error( $result ) ) {
            throw new RuntimeException( $result->get_error_message() );
        }
        if ( ! $result ) {
            throw new RuntimeException( 'WP-Cron refused' );
        }
    }

    private function done( $seq, $reason ) {
        $this->tidy();
        $this->current = null;
        $this->used = microtime( true );
        $done = array( 'seq' => $seq, 'memory' => memory_get_usage( true ) );
        if ( null !== $reason ) {
            $done['reason'] = $reason;
        }
        if ( '' !== $this->output ) {
            $done['output'] = $this->take_output();
        }
        if ( $this->warnings ) {
            $done['warnings'] = $this->take_warnings();
        }
        if ( $this->stored ) {
            $done['stored'] = $this->stored;
        }
        $this->send( 'd', $done );
    }

    // Leaves no trace of an action for the next one.
    private function tidy() {
        global $wpdb;
        if ( function_exists( 'wp_cache_supports' ) && wp_cache_supports( 'flush_runtime' ) ) {
            wp_cache_flush_runtime();
        } elseif ( ! wp_using_ext_object_cache() ) {
            wp_cache_flush();
        }
        $wpdb->flush();
        $wpdb->queries = array();
        if ( isset( $GLOBALS['current_user'] ) && get_current_user_id() ) {
            wp_set_current_user( 0 );
        }
        if ( is_multisite() ) {
            while ( ms_is_switched() ) {
                restore_current_blog();
            }
        }
        if ( isset( $GLOBALS['wp_locale_switcher'] ) && is_locale_switched() ) {
            restore_current_locale();
        }
        if ( 'UTC' !== date_default_timezone_get() ) {
            date_default_timezone_set( 'UTC' );
        }
        if ( getcwd() !== $this->site['folder'] ) {
            chdir( $this->site['folder'] );
        }
        $found = set_error_handler( $this->handler );
        if ( $found === $this->handler ) {
            restore_error_handler();
        }
    }

    // The object that listeners of the plugin's get.
    private function action_object( array $message, array $args ) {
        if ( ! class_exists( 'ActionScheduler_Action' ) ) {
            return null;
        }
        $date = new DateTime( '@' . $message['scheduled'] );
        $class = 'ActionScheduler_SimpleSchedule';
        $schedule = class_exists( $class ) ? new $class( $date ) : null;
        return new ActionScheduler_Action( $message['hook'], $args, $schedule, $message['group'] );
    }

    public function stored() {
        ++$this->stored;
    }

    private function unhook_logger( $hook ) {
        global $wp_filter;
        if ( ! isset( $wp_filter[ $hook ] ) || ! class_exists( 'ActionScheduler_Logger' ) ) {
            return;
        }
        foreach ( $wp_filter[ $hook ]->callbacks as $priority => $callbacks ) {
            foreach ( $callbacks as $callback ) {
                $function = $callback['function'];
                if ( is_array( $function ) && $function[0] instanceof ActionScheduler_Logger ) {
                    remove_action( $hook, $function, $priority );
                }
            }
        }
    }

    // Who provides the functions that schedule.
    private function source() {
        if ( class_exists( 'Action_Scheduler_Bridge' ) && Action_Scheduler_Bridge::provides() ) {
            return 'bridge';
        }
        return class_exists( 'ActionScheduler_Versions' ) ? 'plugin' : 'none';
    }

    // What the site does with the posts in which versions 1 and 2 of the plugin kept actions.
    private function posts() {
        if ( ! is_callable( array( 'ActionScheduler', 'store' ) ) ) {
            return 'unused';
        }
        try {
            $store = ActionScheduler::store();
        } catch ( Throwable $error ) {
            // Who knows: better too careful than both at once.
            return 'used';
        }
        if ( is_a( $store, 'ActionScheduler_HybridStore' ) ) {
            return 'moving';
        }
        return is_a( $store, 'ActionScheduler_wpPostStore' ) ? 'used' : 'unused';
    }

    // What this process has in memory, as it is on the disk: when that changes, it is of the past.
    private function take_stock() {
        $this->stock_files();
        $this->options = $this->read_options();
        $this->checked = microtime( true );
    }

    private function stock_files() {
        foreach ( array_merge( get_included_files(), array( ABSPATH . '.maintenance', WPMU_PLUGIN_DIR ) ) as $file ) {
            if ( ! isset( $this->files[ $file ] ) ) {
                $this->files[ $file ] = array( $this->mark_of( $file ), $this->young_content( $file ) );
            }
        }
    }

    private function mark_of( $file ) {
        $found = @stat( $file );
        return $found ? $found['mtime'] . ' ' . $found['size'] . ' ' . $found['ino'] : '';
    }

    // Dates are in seconds: what was changed just now may be changed again without a trace in them. Null for what is older.
    private function young_content( $file ) {
        $found = @stat( $file );
        if ( ! $found || $found['mtime'] < time() - 2 ) {
            return null;
        }
        return is_dir( $file ) ? implode( '/', (array) @scandir( $file ) ) : (string) @md5_file( $file );
    }

    private function has_changed( $file ) {
        list( $mark, $content ) = $this->files[ $file ];
        if ( $this->mark_of( $file ) !== $mark ) {
            return true;
        }
        if ( null === $content ) {
            return false;
        }
        $now = is_dir( $file ) ? implode( '/', (array) @scandir( $file ) ) : (string) @md5_file( $file );
        $this->files[ $file ][1] = $this->young_content( $file );
        return $now !== $content;
    }

    private function read_options() {
        $options = array();
        foreach ( array( 'active_plugins', 'template', 'stylesheet' ) as $name ) {
            $options[ $name ] = get_option( $name );
        }
        if ( is_multisite() ) {
            $options['network'] = get_site_option( 'active_sitewide_plugins' );
        }
        return $options;
    }

    private function stale() {
        if ( microtime( true ) - $this->checked < $this->site['check_after'] ) {
            return null;
        }
        // The server may have hung up meanwhile; a callback should not be the one to find out.
        if ( microtime( true ) - $this->used > 30 && ! $GLOBALS['wpdb']->check_connection( false ) ) {
            return 'the database cannot be reached';
        }
        clearstatcache();
        foreach ( array_keys( $this->files ) as $file ) {
            if ( $this->has_changed( $file ) ) {
                return "$file has changed";
            }
        }
        $options = $this->read_options();
        // Without a database nothing is known of the options.
        if ( $options !== $this->options && ! $GLOBALS['wpdb']->last_error ) {
            return 'other plugins, or another theme, are active now';
        }
        $this->stock_files();
        $this->checked = microtime( true );
        return null;
    }

    private function capture() {
        ob_start( array( $this, 'printed' ), 4096 );
    }

    private function uncapture() {
        while ( ob_get_level() > 0 ) {
            ob_end_flush();
        }
    }

    // Keeps the end of what is printed.
    public function printed( $text ) {
        $this->output .= $text;
        $most = $this->site['output'];
        if ( strlen( $this->output ) > 2 * $most ) {
            $this->cut += strlen( $this->output ) - $most;
            $this->output = substr( $this->output, -$most );
        }
        return '';
    }

    private function take_output() {
        $most = $this->site['output'];
        $text = $this->output;
        if ( strlen( $text ) > $most ) {
            $this->cut += strlen( $text ) - $most;
            $text = substr( $text, -$most );
        }
        if ( $this->cut ) {
            $text = "… {$this->cut} bytes before this were cut\n$text";
        }
        $this->output = '';
        $this->cut = 0;
        return $text;
    }

    public function warned( $level, $message, $file = '', $line = 0 ) {
        $is_shown = (bool) ( error_reporting() & $level );
        if ( $is_shown ) {
            static $names = array(
                E_WARNING           => 'Warning',
                E_USER_WARNING      => 'Warning',
                E_NOTICE            => 'Notice',
                E_USER_NOTICE       => 'Notice',
                E_DEPRECATED        => 'Deprecated',
                E_USER_DEPRECATED   => 'Deprecated',
                E_USER_ERROR        => 'Error',
                E_RECOVERABLE_ERROR => 'Error',
            );
            $name = isset( $names[ $level ] ) ? $names[ $level ] : 'Error';
            $this->warn( "PHP $name: $message in $file on line $line" );
        }
        if ( $this->next_handler ) {
            return call_user_func_array( $this->next_handler, func_get_args() );
        }
        // PHP goes on to write it into the site's own log, if there is one; it would only print it a second time otherwise.
        return ! ini_get( 'error_log' ) && ! in_array( $level, array( E_USER_ERROR, E_RECOVERABLE_ERROR ), true );
    }

    private function warn( $text ) {
        if ( isset( $this->warnings[ $text ] ) ) {
            ++$this->warnings[ $text ];
        } elseif ( count( $this->warnings ) < self::WARNINGS ) {
            $this->warnings[ $text ] = 1;
        } else {
            ++$this->more_warnings;
        }
    }

    private function take_warnings() {
        $texts = array();
        foreach ( $this->warnings as $text => $count ) {
            $texts[] = $count > 1 ? "$text ($count times)" : (string) $text;
        }
        if ( $this->more_warnings ) {
            $texts[] = "and {$this->more_warnings} more";
        }
        $this->warnings = array();
        $this->more_warnings = 0;
        return $texts;
    }

    private function describe( Throwable $thrown ) {
        $text = $thrown->getMessage();
        $class = get_class( $thrown );
        if ( false !== strpos( $thrown->getFile(), "eval()'d code" ) ) {
            // What this file itself has to say.
            return $text;
        }
        return ( '' === $text ? $class : "$class: $text" ) . ' in ' . $thrown->getFile() . ' on line ' . $thrown->getLine();
    }

    public function wp_die_handler() {
        return array( $this, 'died' );
    }

    public function died( $message, $title = '' ) {
        if ( is_object( $message ) && method_exists( $message, 'get_error_message' ) ) {
            $message = $message->get_error_message();
        }
        $text = trim( preg_replace( '/\s+/', ' ', strip_tags( (string) $message ) ) );
        $this->died = 'wp_die' . ( '' === $text ? '' : ": $text" ) . $this->place( 'wp_die' );
        exit( 1 );
    }

    // Where the site's own code stands.
    private function place( $function = null ) {
        $is_below = null === $function;
        foreach ( debug_backtrace( DEBUG_BACKTRACE_IGNORE_ARGS ) as $frame ) {
            $is_below = $is_below || $frame['function'] === $function;
            if ( $is_below && isset( $frame['file'] ) && false === strpos( $frame['file'], "eval()'d code" ) ) {
                return " in {$frame['file']} on line {$frame['line']}";
            }
        }
        return '';
    }

    public function told_to_end() {
        if ( null !== $this->current ) {
            $this->stuck = 'it was still running' . $this->place();
        }
        exit( 1 );
    }

    public function shut_down() {
        $this->reserve = null;
        if ( null !== $this->asked ) {
            $asked = $this->asked;
            $this->asked = null;
            $this->send( 's', array( 'seq' => $asked, 'why' => $this->died ?: 'it ended' ) );
            return;
        }
        if ( null === $this->current ) {
            return;
        }
        $error = error_get_last();
        $fatal = E_ERROR | E_PARSE | E_CORE_ERROR | E_COMPILE_ERROR | E_USER_ERROR | E_RECOVERABLE_ERROR;
        $kind = 'ended';
        if ( null !== $this->stuck ) {
            $reason = $this->stuck;
        } elseif ( null !== $this->died ) {
            $reason = $this->died;
        } elseif ( $error && ( $error['type'] & $fatal ) ) {
            $kind = 'fatal';
            $message = preg_replace( '/\nStack trace:.*/s', '', $error['message'] );
            // Uncaught errors tell their place in the message already.
            $message = preg_replace( '/ in ' . preg_quote( $error['file'], '/' ) . ':\d+$/', '', $message );
            $reason = "PHP Fatal error: $message in {$error['file']} on line {$error['line']}";
        } elseif ( 0 === $this->current ) {
            $reason = 'it ended PHP (exit or die) while it was loading';
        } else {
            $reason = 'the callback ended PHP (exit or die)';
        }
        $seq = $this->current;
        $this->current = null;
        while ( ob_get_level() > 0 && @ob_end_flush() ) {
            continue;
        }
        $this->send(
            'x',
            array(
                'seq'         => $seq,
                'reason'      => $reason,
                'kind'        => $kind,
                'maintenance' => file_exists( $this->site['folder'] . '/.maintenance' ),
                'output'      => $this->take_output(),
                'warnings'    => $this->take_warnings(),
                'stored'      => $this->stored,
            )
        );
        if ( $seq && $error && function_exists( 'do_action' ) ) {
            do_action( 'action_scheduler_unexpected_shutdown', $this->action_id, $error );
        }
    }

    private function receive() {
        $head = $this->read( 8 );
        if ( null === $head || 'AS' !== substr( $head, 0, 2 ) || self::VERSION !== ord( $head[2] ) ) {
            return null;
        }
        $length = unpack( 'N', substr( $head, 4 ) );
        $payload = $this->read( $length[1] );
        return null === $payload ? null : array( $head[3], json_decode( $payload, true, 100000 ) );
    }

    private function read( $length ) {
        $bytes = '';
        while ( strlen( $bytes ) < $length ) {
            $more = @fread( $this->channel, $length - strlen( $bytes ) );
            // Nothing for a while is no end: it only means that there was nothing to do.
            if ( ( '' === $more || false === $more ) && ( ! is_resource( $this->channel ) || feof( $this->channel ) ) ) {
                return null;
            }
            $bytes .= $more;
        }
        return $bytes;
    }

    private function send( $kind, array $message ) {
        $flags = JSON_INVALID_UTF8_SUBSTITUTE | JSON_UNESCAPED_UNICODE | JSON_UNESCAPED_SLASHES;
        $bytes = json_encode( $message, $flags );
        $bytes = 'AS' . chr( self::VERSION ) . $kind . pack( 'N', strlen( $bytes ) ) . $bytes;
        while ( '' !== $bytes ) {
            $written = is_resource( $this->channel ) ? @fwrite( $this->channel, $bytes ) : false;
            if ( ! $written ) {
                // Nobody listens: what was done is known to nobody, and nothing more is to be done.
                $this->current = null;
                $this->asked = null;
                exit( 1 );
            }
            $bytes = substr( $bytes, $written );
        }
    }
}

$action_scheduler_worker = new Action_Scheduler_Worker( $as );
unset( $as, $n, $s );
require $action_scheduler_worker->prepare();
$action_scheduler_worker->serve();
