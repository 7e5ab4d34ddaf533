# SPDX-License-Identifier: MIT
"""The shell against a reference: dash, or bash --posix, on the snippets in cases/.

A case is a line "## name" and a script. Standard output, exit status, and whether there is anything
on standard error must be those of the reference. A line "#: bash" in it takes bash as the reference;
"#: status-differs" leaves the number of a failing status open, where POSIX does.
"""

import glob
import os
import shutil

import common

HERE = os.path.dirname(os.path.abspath(__file__))


def read_cases():
    for path in sorted(glob.glob(os.path.join(HERE, "cases", "*.txt"))):
        name, lines = None, []
        with open(path, encoding="utf-8") as file:
            for line in [*file, "## \n"]:
                if not line.startswith("## "):
                    lines.append(line)
                    continue
                if name:
                    yield f"sh {os.path.basename(path)[:-4]}: {name}", "".join(lines)
                name, lines = line[3:].strip(), []


def reference_words(script):
    dash, bash = shutil.which("dash"), shutil.which("bash")
    if dash and "\n#: bash\n" not in script:
        return [dash]
    if bash:
        return [bash, "--posix"]
    raise common.Problem("neither dash nor bash is there to compare with")


def compare(box, script, scratch):
    """Both shells read the same script file, with the same name, in two equal directories."""
    # The tools are the system's in both runs: only the shell differs.
    environment = {**box.environment(), "PATH": os.path.join(scratch, "path") + ":/usr/bin:/bin"}
    results = []
    for words in [[os.path.join(box.path, "sh")], reference_words(script)]:
        directory = os.path.join(scratch, "work")
        os.makedirs(directory)
        os.makedirs(os.path.join(scratch, "path"))
        # sh in the script is the shell that is tested.
        wrapper = os.path.join(scratch, "path", "sh")
        with open(wrapper, "w", encoding="utf-8") as file:
            file.write(f'#!/bin/sh\nexec {" ".join(words)} "$@"\n')
        os.chmod(wrapper, 0o755)
        with open(os.path.join(scratch, "script"), "w", encoding="utf-8") as file:
            file.write(script)
        results.append(common.run([*words, "../script"], directory, environment, name="sh"))
        shutil.rmtree(directory)
        shutil.rmtree(os.path.join(scratch, "path"))
    (status, out, err), (status2, out2, err2) = results
    if "\n#: status-differs\n" in script and status and status2:
        status = status2
    if (status, out, bool(err)) != (status2, out2, bool(err2)):
        raise common.Problem(f"script: {script}    got    {status} {out!r} {err!r}\n    wanted {status2} {out2!r} {err2!r}")


def own_tests(box):
    """What no other shell can be asked about."""
    def expect(words, status, out=None, err=None, text=b""):
        def body(scratch):
            got = box.run(words, scratch, text)
            common.same("status", got[0], status)
            if out is not None:
                common.same("output", got[1], out)
            if err is not None and err not in got[2]:
                raise common.Problem(f"standard error lacks {err!r}: {got[2]!r}")
        return body

    def no_memory(scratch):
        script = "ulimit -v 100000; x=aaaaaaaaaaaaaaaa; while :; do x=$x$x; done"
        status, out, err = common.run([os.path.join(box.single, "sh"), "-c", script], scratch, box.environment())
        common.same("status", (status, out), (2, b""))
        if b"out of memory" not in err:
            raise common.Problem(f"standard error: {err!r}")

    deep = "".join("if true; then\n" for _ in range(5000))
    quotes = "$(" * 3000
    recursion = "f() { f; }; f"
    yield common.Test("sh own: exit status", expect(["sh", "-c", "exit 7"], 7, b""))
    yield common.Test("sh own: a syntax error names line and token",
                      expect(["sh", "-c", "echo a\necho b\nfi"], 2, b"a\nb\n", b'line 3: syntax error: unexpected "fi"'))
    yield common.Test("sh own: an unclosed quote is told with the line it began in",
                      expect(["sh", "-c", "echo a\necho 'b\nc\n"], 2, b"a\n", b"line 2: syntax error: no closing '"))
    yield common.Test("sh own: deep nesting is refused", expect(["sh"], 2, b"", b"levels deep", deep.encode()))
    yield common.Test("sh own: deep substitution is refused", expect(["sh", "-c", "echo " + quotes], 2, b"", b"levels deep"))
    yield common.Test("sh own: deep parentheses are refused", expect(["sh", "-c", "(" * 4000], 2, b"", b"levels deep"))
    yield common.Test("sh own: deep arithmetic is refused",
                      expect(["sh", "-c", "echo $((" + "(" * 4000 + "1" + ")" * 4000 + "))"], 2, b"", b"nested too deeply"))
    yield common.Test("sh own: an operator chain of any length is none",
                      expect(["sh", "-c", "echo $((" + "1+" * 20000 + "1))"], 0, b"20001\n"))
    yield common.Test("sh own: endless recursion is refused", expect(["sh", "-c", recursion], 2, b"", b"nested more than"))
    yield common.Test("sh own: endless eval is refused",
                      expect(["sh", "-c", 'x=\'eval "$x"\'; eval "$x"'], 2, b"", b"nested more than"))
    yield common.Test("sh own: a descriptor out of range", expect(["sh", "-c", "echo a 1000>f"], 1, b"", b"out of range"))
    yield common.Test("sh own: a descriptor far out of range", expect(["sh", "-c", "exec 99999999999>f"], 2, b"", b"out of range"))
    yield common.Test("sh own: a full disk is told", expect(["sh", "-c", "echo a >/dev/full; echo $?"], 0, b"1\n", b"write error: No space left on device"))
    yield common.Test("sh own: a file that is no program",
                      expect(["sh", "-c", "echo 'echo script $1' >s; chmod +x s; ./s a"], 0, b"script a\n"))
    yield common.Test("sh own: a missing script", expect(["sh", "nothing"], 127, b"", b"nothing: No such file"))
    yield common.Test("sh own: a directory as script", expect(["sh", "/"], 126, b"", b"directory"))
    yield common.Test("sh own: standard input is left to commands",
                      expect(["sh"], 0, b"b\nc\n", text=b"read x\na\ncat\nb\nc\n"))
    yield common.Test("sh own: NUL bytes in a script are dropped", expect(["sh"], 0, b"ab\n", text=b"echo a\0b\n"))
    yield common.Test("sh own: the interpreter option -n runs nothing", expect(["sh", "-n", "-c", "echo a"], 0, b""))
    if box.single:  # a sanitizer needs more address space than any limit would leave
        yield common.Test("sh own: no memory is told, with status 2", no_memory)
    yield common.Test("sh own: echo -e", expect(["sh", "-c", r"echo -e 'a\tb\0101\c' x; echo -E 'a\tb'"], 0, b"a\tbAa\\tb\n"))
    yield common.Test("sh own: jobs are listed", expect(["sh", "-c", "sleep 1 & jobs; kill $!"], 0, b"[1] + Running              sleep 1\n"))
    yield common.Test("sh own: a login shell reads profiles",
                      expect(["sh", "-l", "-c", "echo ${PATH:+ok}"], 0))


def tests(box):
    for name, script in read_cases():
        yield common.Test(name, lambda scratch, script=script: compare(box, script, scratch))
    yield from own_tests(box)
