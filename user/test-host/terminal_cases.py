# SPDX-License-Identifier: MIT
"""The shell at a terminal: prompts, editing, history, completion, and job control, through a pty.

A test types and waits for what must appear. Nothing is timed: what is waited for has a generous limit,
and typing is done when the prompt is there.
"""

import os
import re
import time

import common
from terminal import CTRL, DELETE, DOWN, END, HOME, LEFT, RIGHT, UP, Terminal, wait_for_foreground


def editing(keys, wanted):
    """Typing the keys at a prompt and Enter prints what is wanted."""
    def body(box, scratch):
        with Terminal(box, scratch) as terminal:
            terminal.prompt()
            for key in keys:
                terminal.type(key)
            terminal.type("\r")
            terminal.expect(rb"\n" + re.escape(wanted.encode()) + rb"\r\n")
            terminal.leave()
    return body


def commands_run(box, scratch):
    with Terminal(box, scratch) as terminal:
        terminal.run("echo $((6*7))", rb"\n42\r\n")
        terminal.run("false")
        terminal.run("echo status $?", rb"\nstatus 1\r\n")
        terminal.prompt()
        terminal.type("exit 9\r")
        common.same("exit status", terminal.end(), 9)


def end_of_file_leaves(box, scratch):
    with Terminal(box, scratch) as terminal:
        terminal.run("false")
        terminal.prompt()
        terminal.type(CTRL["D"])
        common.same("exit status", terminal.end(), 1)


def continued_lines(box, scratch):
    with Terminal(box, scratch) as terminal:
        terminal.run("for i in a b")
        terminal.expect(rb"more> ")
        terminal.type("do echo <$i>; done 2>/dev/null || for i in x; do echo loop; done\r")
        terminal.run("echo 'one")
        terminal.expect(rb"more> ")
        terminal.type("two'\r")
        terminal.expect(rb"\none\r\ntwo\r\n")
        terminal.run("cat <<E")
        terminal.expect(rb"more> ")
        terminal.type("text\r")
        terminal.expect(rb"more> ")
        terminal.type("E\r")
        terminal.expect(rb"\ntext\r\n")
        terminal.leave()


def interrupt_at_prompt(box, scratch):
    with Terminal(box, scratch) as terminal:
        terminal.prompt()
        terminal.type(b"echo never" + CTRL["C"])
        terminal.expect(rb"\^C\r+\n")
        terminal.run("echo status $?", rb"\nstatus 130\r\n")
        terminal.run("if true; then")
        terminal.expect(rb"more> ")
        terminal.type(CTRL["C"])
        terminal.run("echo alive", rb"\nalive\r\n")
        terminal.leave()


def interrupt_of_command(box, scratch):
    with Terminal(box, scratch) as terminal:
        terminal.run("echo go; sleep 100; echo never", rb"\ngo\r\n")
        wait_for_foreground(terminal)
        terminal.type(CTRL["C"])
        terminal.run("echo status $?", rb"\nstatus 130\r\n")
        if b"\nnever" in terminal.all:
            raise common.Problem("the rest of the line ran")
        terminal.leave()


def interrupt_of_loop(box, scratch):
    with Terminal(box, scratch) as terminal:
        terminal.run("echo go; while :; do :; done", rb"\ngo\r\n")
        time.sleep(0.1)
        terminal.type(CTRL["C"])
        terminal.run("echo status $?", rb"\nstatus 130\r\n")
        terminal.leave()


def stop_and_resume(box, scratch):
    with Terminal(box, scratch) as terminal:
        terminal.run("cat")
        wait_for_foreground(terminal)
        terminal.type("one\r")
        terminal.expect(rb"one\r\none\r\n")
        terminal.type(CTRL["Z"])
        terminal.expect(rb"\[1\] \+ Stopped +cat\r\n")
        terminal.run("echo status $?", rb"\nstatus 148\r\n")
        terminal.run("jobs", rb"\n\[1\] \+ Stopped +cat\r\n")
        terminal.run("fg", rb"\ncat\r\n")
        wait_for_foreground(terminal)
        terminal.type("two\r")
        terminal.expect(rb"two\r\ntwo\r\n")
        terminal.type(CTRL["D"])
        terminal.run("jobs; echo none", rb"\nnone\r\n")
        terminal.leave()


def background_jobs(box, scratch):
    with Terminal(box, scratch) as terminal:
        terminal.run("sleep 100 &", rb"\[1\] \d+\r\n")
        terminal.run("sleep 1 | cat &", rb"\[2\] \d+\r\n")
        terminal.run("jobs", rb"\[1\] - Running +sleep 100\r\n\[2\] \+ Running +sleep 1 \| cat\r\n")
        terminal.notice(rb"\[2\] \+ Done +sleep 1 \| cat\r\n")
        terminal.run("kill %1")
        terminal.notice(rb"\[1\] \+ Terminated +sleep 100\r\n")
        terminal.leave()


def stopped_to_background(box, scratch):
    with Terminal(box, scratch) as terminal:
        terminal.run("sleep 0.6; echo unreached")
        wait_for_foreground(terminal)
        terminal.type(CTRL["Z"])
        terminal.expect(rb"Stopped +sleep 0.6\r\n")
        terminal.run("bg", rb"\n\[1\] sleep 0.6 &\r\n")
        terminal.run("wait; echo waited", rb"\nwaited\r\n")
        terminal.leave()


def pipeline_is_one_job(box, scratch):
    with Terminal(box, scratch) as terminal:
        terminal.run("sleep 100 | sleep 100 | cat")
        wait_for_foreground(terminal, members=3)
        terminal.type(CTRL["Z"])
        terminal.expect(rb"\[1\] \+ Stopped +sleep 100 \| sleep 100 \| cat\r\n")
        terminal.run("kill %1; fg >/dev/null; echo gone", rb"\ngone\r\n")
        terminal.leave()


def stopped_jobs_are_told(box, scratch):
    with Terminal(box, scratch) as terminal:
        terminal.run("sleep 100")
        wait_for_foreground(terminal)
        terminal.type(CTRL["Z"])
        terminal.expect(rb"Stopped")
        terminal.run("exit", rb"stopped jobs\r\n")
        terminal.run("kill -9 %1")
        terminal.notice(rb"Killed +sleep 100\r\n")
        terminal.run("exit 3")
        common.same("exit status", terminal.end(), 3)


def background_reading_stops(box, scratch):
    with Terminal(box, scratch) as terminal:
        terminal.run("cat &")
        terminal.notice(rb"\[1\] \+ Stopped +cat\r\n")
        terminal.run("kill -9 %1")
        terminal.notice(rb"\[1\] \+ Killed +cat\r\n")
        terminal.leave()


def terminal_modes_come_back(box, scratch):
    with Terminal(box, scratch) as terminal:
        terminal.run("(stty -echo -icanon; kill -9 $(sh -c 'echo $PPID'))")
        terminal.run("stty -a", rb"\s(-?)icanon")
        terminal.leave()
        if b"-icanon" in terminal.all.split(b"stty -a")[-1]:
            raise common.Problem("a killed program's modes stayed")


def syntax_error_at_prompt(box, scratch):
    with Terminal(box, scratch) as terminal:
        terminal.run("echo )", rb'syntax error: unexpected "\)"')
        terminal.run("echo status $?", rb"\nstatus 2\r\n")
        terminal.run("echo ${x?gone}; echo never", rb"x: gone\r\n")
        terminal.run("for i in 1 2; do readonly r=1; r=2; done", rb"read only")
        terminal.run("echo alive", rb"\nalive\r\n")
        terminal.leave()


def completes_files(box, scratch):
    os.mkdir(os.path.join(scratch, "longdirectory"))
    for name in ("alpha_one", "alpha_two"):
        with open(os.path.join(scratch, name), "w", encoding="utf-8") as file:
            file.write(name + "\n")
    with Terminal(box, scratch) as terminal:
        terminal.prompt()
        terminal.type("cat al\t")
        terminal.expect(rb"cat alpha_\x1b")
        terminal.type("\t")
        terminal.expect(rb"alpha_one +alpha_two")
        terminal.type("o\t")
        terminal.expect(rb"cat alpha_one \x1b")
        terminal.type("\r")
        terminal.expect(rb"\nalpha_one\r\n")
        terminal.prompt()
        terminal.type("cd lon\t\r")
        terminal.run("pwd", rb"longdirectory\r\n")
        terminal.leave()


def completes_commands(box, scratch):
    with Terminal(box, scratch, PATH=box.path) as terminal:
        terminal.run("myfunction() { echo called; }")
        terminal.prompt()
        terminal.type("true; myfun\t\r")
        terminal.expect(rb"\ncalled\r\n")
        terminal.prompt()
        terminal.type("md5s\t")
        terminal.expect(rb"md5sum \x1b")
        terminal.type(CTRL["C"])
        terminal.leave(130)


def history_moves(box, scratch):
    with Terminal(box, scratch) as terminal:
        terminal.run("echo first", rb"\nfirst\r\n")
        terminal.run("echo second", rb"\nsecond\r\n")
        terminal.prompt()
        terminal.type(UP + UP + b"\r")
        terminal.expect(rb"\nfirst\r\n")
        terminal.prompt()
        terminal.type(b"echo typed" + UP + UP + DOWN + DOWN + b"\r")
        terminal.expect(rb"\ntyped\r\n")
        terminal.run("history", rb"1  echo first\r\n +2  echo second\r\n +3  echo first\r\n")
        terminal.leave()


def long_lines_scroll(box, scratch):
    text = "".join(str(i % 10) for i in range(200))
    with Terminal(box, scratch, columns=40) as terminal:
        terminal.run(f"echo {text}", b"\n" + text.encode() + rb"\r\n")
        if any(len(re.sub(rb"\x1b\[[0-9]*[A-Z]", b"", row)) > 40
               for row in re.split(rb"[\r\n]+", terminal.all.split(b"\n" + text.encode())[0])):
            raise common.Problem("a row is longer than the terminal")
        terminal.leave()


def without_editing(box, scratch):
    with Terminal(box, scratch, TERM="dumb") as terminal:
        terminal.expect(rb"ready> ")
        terminal.type("echo a; exit 4\r")
        terminal.expect(rb"\na\r\n")
        common.same("exit status", terminal.end(), 4)


def reads_at_terminal(box, scratch):
    with Terminal(box, scratch) as terminal:
        terminal.run("read x; echo got $x")
        terminal.expect(rb"\r\n")
        time.sleep(0.1)
        terminal.type("some words\r")
        terminal.expect(rb"\ngot some words\r\n")
        terminal.leave()


def trap_interrupts(box, scratch):
    with Terminal(box, scratch) as terminal:
        terminal.run("trap 'echo trapped' INT")
        terminal.run("kill -INT $$", rb"\ntrapped\r\n")
        terminal.run("trap - INT")
        terminal.leave()


def login_shell(box, scratch):
    with open(os.path.join(scratch, ".profile"), "w", encoding="utf-8") as file:
        file.write("echo from profile; x=1\n")
    with Terminal(box, scratch, "-l", HOME=scratch) as terminal:
        # /etc/profile of this machine may have set another prompt, so none is waited for.
        terminal.expect(rb"from profile\r\n")
        terminal.type("exit $((x+4))\r")
        common.same("exit status", terminal.end(), 5)


def without_own_terminal(box, scratch):
    """A shell whose standard input is no terminal does not prompt."""
    status, out, err = box.run(["sh"], scratch, b"echo a\nexit 3\n")
    common.same("result", (status, out, err), (3, b"a\n", b""))
    status, out, err = box.run(["sh", "-i"], scratch, b"echo a\nif\nfi\necho b\n", PS1="P ", PS2="Q ")
    common.same("status and output", (status, out), (0, b"a\nb\n"))
    if b"P " not in err:
        raise common.Problem(f"no prompt: {err!r}")


def tests(box):
    cases = {
        "commands run": commands_run,
        "end of file leaves with the last status": end_of_file_leaves,
        "commands over several lines": continued_lines,
        "^C at the prompt": interrupt_at_prompt,
        "^C ends a command and its line": interrupt_of_command,
        "^C ends a loop of builtins": interrupt_of_loop,
        "^Z, jobs, fg": stop_and_resume,
        "background jobs and their notices": background_jobs,
        "^Z, bg, wait": stopped_to_background,
        "a pipeline is one job": pipeline_is_one_job,
        "stopped jobs are told at exit": stopped_jobs_are_told,
        "a background job that reads is stopped": background_reading_stops,
        "terminal modes come back after a kill": terminal_modes_come_back,
        "errors cost one command": syntax_error_at_prompt,
        "file names are completed": completes_files,
        "commands are completed": completes_commands,
        "history": history_moves,
        "long lines scroll within the row": long_lines_scroll,
        "a dumb terminal": without_editing,
        "read": reads_at_terminal,
        "trap of INT": trap_interrupts,
        "login shell": login_shell,
        "no terminal": without_own_terminal,
        "editing: left and insert": editing(["echo ac", LEFT, "b"], "abc"),
        "editing: home and end": editing(["cho a", HOME, "e", END, "b"], "ab"),
        "editing: ^A ^E": editing(["cho a", CTRL["A"], "e", CTRL["E"], "b"], "ab"),
        "editing: backspace and delete": editing(["echo abXcY", b"\x7f", LEFT, LEFT, DELETE, END], "abc"),
        "editing: ^K": editing(["echo abc", LEFT, LEFT, CTRL["K"]], "a"),
        "editing: ^U": editing(["rubbish", CTRL["U"], "echo ok"], "ok"),
        "editing: ^W": editing(["echo one two", CTRL["W"], "three"], "one three"),
        "editing: ^T": editing(["echo ba", CTRL["T"]], "ab"),
        "editing: ^B ^F": editing(["echo b", CTRL["B"], "a", CTRL["F"], "c"], "abc"),
        "editing: words": editing(["echo a b", b"\033b", b"\033b", "x ", b"\033f", "y"], "x ay b"),
        "editing: ^D deletes": editing(["echo aXb", LEFT, LEFT, CTRL["D"]], "ab"),
        "editing: ^L keeps the line": editing(["echo a", CTRL["L"], "b"], "ab"),
        "editing: characters of several bytes": editing(["echo äöü", LEFT, LEFT, b"\x7f", DELETE, "x"], "xü"),
        "editing: unknown keys are ignored": editing(["echo a", b"\033[15~", b"\033OP", "b"], "ab"),
        "editing: keys beyond the ends": editing([LEFT, b"\x7f", CTRL["K"], RIGHT, DELETE, UP, DOWN, "echo a", RIGHT], "a"),
    }
    for name, body in cases.items():
        yield common.Test(f"terminal {name}", lambda scratch, body=body: body(box, scratch))
