
/*
 * The table of directives.
 *
 * Owner:     the module, as a constant of nginx's own form.
 * Lifetime:  that of the module.
 * NULL:      the last entry is ngx_null_command.
 * Thread:    the master reads it while it reads the configuration.
 */

#ifndef _NGX_HTTP_LATCHKEY_DIRECTIVE_H_INCLUDED_
#define _NGX_HTTP_LATCHKEY_DIRECTIVE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


extern ngx_command_t ngx_http_latchkey_commands[];


#endif /* _NGX_HTTP_LATCHKEY_DIRECTIVE_H_INCLUDED_ */
