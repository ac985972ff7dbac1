<?php
// Runs a wp-config.php without the WordPress behind it, and tells what it defined.
// Called as: php ask.php FILE NAME,NAME,…      The answer, JSON, goes to descriptor 3.

$as_answer = fopen('php://fd/3', 'w');
$as_names = explode(',', $argv[2]);
$as_file = $argv[1];
$as_code = '';
// Where the code believes to be; and the line that would start WordPress is left out.
foreach (token_get_all(file_get_contents($as_file)) as $as_token) {
    if (is_array($as_token) && $as_token[0] === T_FILE) {
        $as_code .= var_export($as_file, true);
    } elseif (is_array($as_token) && $as_token[0] === T_DIR) {
        $as_code .= var_export(dirname($as_file), true);
    } else {
        $as_code .= is_array($as_token) ? $as_token[1] : $as_token;
    }
}
$as_code = preg_replace(
    '/^[ \t]*@?(?:require|include)(?:_once)?\b[^;\n]*wp-settings\.php[^;\n]*;/mi',
    '',
    $as_code
);
if (strncmp($as_code, '#!', 2) === 0) {
    $as_code = substr($as_code, strpos($as_code, "\n") + 1);
}
$_SERVER += array('HTTP_HOST' => 'localhost', 'SERVER_NAME' => 'localhost', 'REQUEST_URI' => '/');
chdir(dirname($as_file));
unset($as_token);
eval('?>' . $as_code);
$as_known = array();
foreach ($as_names as $as_name) {
    if (defined($as_name) && (is_scalar(constant($as_name)) || constant($as_name) === null)) {
        $as_known[$as_name] = constant($as_name);
    }
}
fwrite($as_answer, json_encode(array(
    'constants' => (object) $as_known,
    'table_prefix' => isset($table_prefix) ? $table_prefix : null,
)));
