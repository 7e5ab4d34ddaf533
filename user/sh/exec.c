// SPDX-License-Identifier: MIT
// Execution: walking the tree.
//
// Every node runs in this process but these: programs, the members of a pipeline, subshells,
// substitutions and what stands in the background. Those are forks, and the child runs its part of
// the tree with EXEC_LAST and ends.
//
// Errors and early ends: each loop here stops as soon as shell.unwind is set, see shell.h. set -e is
// decided in one place, after a simple command, a pipeline or a subshell failed outside every
// condition; shell.condition_depth counts the conditions around us.
#include "user/sh/exec.h"

#include "user/lib/tool.h"
#include "user/sh/command.h"
#include "user/sh/expand.h"
#include "user/sh/function.h"
#include "user/sh/job.h"
#include "user/sh/pattern.h"
#include "user/sh/redir.h"
#include "user/sh/shell.h"
#include "user/sh/trap.h"
#include "user/sh/var.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

// The source text of the list member that is running, for job notices.
static const char *running_text = "";

static int exec_condition(const struct node *node)
{
    int status;

    shell.condition_depth++;
    status = exec_node(node, 0);
    shell.condition_depth--;
    return status;
}

// --- Pipelines and lists ------------------------------------------------------------------------

// In the child: run one part of the tree, and end with its status.
static _Noreturn void run_child(const struct node *node)
{
    exec_node(node, EXEC_LAST);
    shell_exit(shell.status);
}

// Fork a member between two pipes. Returns the new input end, or -1 for none; -2 on failure.
static int start_member(const struct node *member, int input, struct job *job)
{
    int ends[2] = {-1, -1};
    pid_t pid;

    if (member->next && pipe(ends) != 0) {
        shell_error("pipe: %s", strerror(errno));
        return -2;
    }
    pid = job_fork(job, JOB_FOREGROUND);
    if (pid == 0) {
        if (input >= 0) {
            dup2(input, STDIN_FILENO);
            close(input);
        }
        if (ends[1] >= 0) {
            close(ends[0]);
            dup2(ends[1], STDOUT_FILENO);
            close(ends[1]);
        }
        run_child(member);
    }
    if (ends[1] >= 0)
        close(ends[1]);
    if (pid < 0) {
        if (ends[0] >= 0)
            close(ends[0]);
        return -2;
    }
    return ends[0];
}

static int exec_members(const struct node *node)
{
    struct job *job = job_create(running_text);
    int input = -1;

    for (const struct node *member = node->members; member; member = member->next) {
        int next = start_member(member, input, job);

        if (input >= 0)
            close(input);
        input = next;
        if (next == -2) {
            job_wait_foreground(job);
            return STATUS_SYNTAX;
        }
    }
    return job_wait_foreground(job);
}

static int exec_pipeline(const struct node *node)
{
    int status;

    shell.condition_depth += node->negated;
    if (node->members->next)
        status = exec_members(node);
    else
        status = exec_node(node->members, 0);
    shell.condition_depth -= node->negated;
    return node->negated && !shell.unwind ? !status : status;
}

static int exec_and_or(const struct node *node, unsigned flags)
{
    int status = 0;

    for (const struct node *member = node->members; member; member = member->next) {
        if ((member->connector == CONNECT_AND && status != 0) ||
            (member->connector == CONNECT_OR && status == 0))
            continue;
        status = member->next ? exec_condition(member) : exec_node(member, flags);
        if (shell.unwind)
            break;
    }
    return status;
}

static int exec_background(const struct node *node)
{
    struct job *job = job_create(node->text ? node->text : "");
    pid_t pid = job_fork(job, JOB_BACKGROUND);

    if (pid == 0)
        run_child(node);
    if (pid < 0)
        return STATUS_SYNTAX;
    shell.last_background = pid;
    job_put_background(job);
    return 0;
}

static int exec_list(const struct node *node, unsigned flags)
{
    const char *outer_text = running_text;
    int status = 0;

    for (const struct node *member = node->members; member && !shell.unwind;
         member = member->next) {
        running_text = member->text ? member->text : "";
        if (member->background)
            shell.status = status = exec_background(member);
        else
            status = exec_node(member, member->next ? 0 : flags);
    }
    running_text = outer_text;
    return status;
}

static int exec_subshell(const struct node *node)
{
    struct job *job = job_create(running_text);
    pid_t pid = job_fork(job, JOB_FOREGROUND);

    if (pid == 0) {
        if (redir_apply(node->redirects, NULL) != 0)
            shell_exit(STATUS_FAILED);
        run_child(node->body);
    }
    return job_wait_foreground(job);
}

int exec_capture(const struct node *node, struct strbuf *out)
{
    int ends[2];
    char buffer[512];
    ssize_t len;
    pid_t pid;

    if (pipe(ends) != 0)
        return shell_fatal(STATUS_SYNTAX, "pipe: %s", strerror(errno));
    pid = job_fork_helper();
    if (pid == 0) {
        close(ends[0]);
        if (ends[1] != STDOUT_FILENO) {
            dup2(ends[1], STDOUT_FILENO);
            close(ends[1]);
        }
        run_child(node);
    }
    close(ends[1]);
    while (pid > 0 &&
           ((len = read(ends[0], buffer, sizeof(buffer))) > 0 || (len < 0 && errno == EINTR))) {
        for (ssize_t i = 0; i < len; i++)
            if (buffer[i])
                strbuf_add_char(out, buffer[i]);
    }
    close(ends[0]);
    if (pid < 0)
        return shell_fatal(STATUS_SYNTAX, "fork: %s", strerror(errno));
    shell.substitution_status = job_wait_helper(pid);
    return 0;
}

// --- Compound commands --------------------------------------------------------------------------

static int exec_if(const struct node *node, unsigned flags)
{
    int status = exec_condition(node->condition);

    if (shell.unwind)
        return status;
    if (status == 0)
        return exec_node(node->body, flags);
    return node->otherwise ? exec_node(node->otherwise, flags) : 0;
}

enum loop_step { LOOP_ON, LOOP_NEXT, LOOP_LEAVE };

// After a body or a condition: what break and continue want of this loop.
static enum loop_step loop_step(void)
{
    if (shell.unwind == UNWIND_NONE)
        return LOOP_ON;
    if (shell.unwind == UNWIND_CONTINUE && shell.unwind_count == 1) {
        shell.unwind = UNWIND_NONE;
        return LOOP_NEXT;
    }
    if (shell.unwind == UNWIND_BREAK || shell.unwind == UNWIND_CONTINUE) {
        if (--shell.unwind_count == 0)
            shell.unwind = UNWIND_NONE;
    }
    return LOOP_LEAVE;
}

static int exec_loop(const struct node *node)
{
    int status = 0;

    shell.loop_depth++;
    for (;;) {
        int condition = exec_condition(node->condition);
        enum loop_step step = loop_step();

        if (step == LOOP_LEAVE) {
            status = shell.unwind ? condition : status;
            break;
        }
        if (step == LOOP_NEXT)
            continue;
        if ((condition == 0) == node->until)
            break;
        status = exec_node(node->body, 0);
        if (loop_step() == LOOP_LEAVE)
            break;
    }
    shell.loop_depth--;
    return status;
}

static int exec_for(const struct node *node)
{
    struct arena *arena = arena_create();
    const struct parameters *params = params_get();
    struct string_list values = {0};
    int status = 0, result = 0;

    if (node->has_words)
        result = expand_words(node->words, arena, &values);
    for (int i = 0; !node->has_words && i < params->nr; i++)
        list_add(&values, arena, arena_strdup(arena, params->items[i]));
    shell.loop_depth++;
    for (size_t i = 0; result == 0 && i < values.nr; i++) {
        result = var_set(node->name, values.items[i], 0);
        if (result != 0)
            break;
        status = exec_node(node->body, 0);
        if (loop_step() == LOOP_LEAVE)
            break;
    }
    shell.loop_depth--;
    arena_put(arena);
    return result == 0 ? status : shell.status;
}

// The arm that a subject selects; NULL for none. *failed tells an error from that.
static const struct case_arm *find_arm(const struct node *node, struct arena *arena, bool *failed)
{
    char *subject = expand_text(node->words, arena);

    *failed = !subject;
    for (const struct case_arm *arm = node->arms; arm && !*failed; arm = arm->next) {
        for (const struct word *word = arm->patterns; word; word = word->next) {
            char *pattern = expand_pattern(word, arena);

            *failed = !pattern;
            if (!pattern)
                break;
            if (pattern_match(pattern, subject, strlen(subject)))
                return arm;
        }
    }
    return NULL;
}

static int exec_case(const struct node *node, unsigned flags)
{
    struct arena *arena = arena_create();
    bool failed;
    const struct case_arm *arm;

    shell.substitution_status = -1;
    arm = find_arm(node, arena, &failed);
    arena_put(arena);
    if (failed)
        return shell.status;
    return arm && arm->body ? exec_node(arm->body, flags) : 0;
}

// --- Any node -----------------------------------------------------------------------------------

static int dispatch(const struct node *node, unsigned flags)
{
    switch (node->kind) {
    case NODE_SIMPLE: return command_run(node, running_text, flags);
    case NODE_PIPELINE: return exec_pipeline(node);
    case NODE_AND_OR: return exec_and_or(node, flags);
    case NODE_LIST: return exec_list(node, flags);
    case NODE_SUBSHELL: return exec_subshell(node);
    case NODE_GROUP: return exec_node(node->body, flags);
    case NODE_IF: return exec_if(node, flags);
    case NODE_LOOP: return exec_loop(node);
    case NODE_FOR: return exec_for(node);
    case NODE_CASE: return exec_case(node, flags);
    case NODE_FUNCTION: function_define(node->name, node->body, function_current_arena); return 0;
    }
    return 0;
}

static int exec_redirected(const struct node *node)
{
    struct saved_fd *saved = NULL;
    int status = STATUS_FAILED;

    if (redir_apply(node->redirects, &saved) == 0)
        status = dispatch(node, 0);
    else
        shell.status = STATUS_FAILED;
    redir_restore(&saved);
    return status;
}

int exec_node(const struct node *node, unsigned flags)
{
    bool leaf;
    int status;

    trap_run_pending();
    if (shell.unwind)
        return shell.status;
    if (!node)
        return shell.status = 0;
    if (shell.no_execute && !shell.interactive)
        return 0;
    leaf = node->kind == NODE_SIMPLE || node->kind == NODE_SUBSHELL ||
           (node->kind == NODE_PIPELINE && !node->negated);
    shell.line = node->line;
    if (node->redirects && node->kind != NODE_SIMPLE && node->kind != NODE_SUBSHELL)
        status = exec_redirected(node);
    else
        status = dispatch(node, flags);
    shell.status = status;
    if (status != 0 && shell.exit_on_error && leaf && shell.condition_depth == 0 && !shell.unwind)
        shell_begin_exit(status);
    return status;
}
