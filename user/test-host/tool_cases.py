# SPDX-License-Identifier: MIT
"""The tools: the same command line with ours and with the system's, and what only ours can be asked.

A compared case is a command line for the shell, run once with our tools first in PATH and once without
them, each in its own directory, prepared in the same way. Output and status must agree, and whether
there is anything on standard error; its words are each one's own.
"""

import hashlib
import os
import pty
import shutil
import signal
import subprocess
import time
import urllib.parse

import common

PREPARE = r"""
umask 022
mkdir -p dir/sub dir/empty; printf 'one\ntwo three\nfour\n' >text; printf 'b 2\na 10\nc 1\na 9\n' >table
printf 'Alpha\nbeta\nALPHA beta\n\ngamma.x\n' >words; printf 'no newline' >bare; : >empty
echo inside >dir/file; echo deep >dir/sub/deep; ln -s text link; ln -s nowhere dangling; ln -s dir dirlink
chmod 640 text; chmod 755 words; head -c 70000 /dev/zero | tr '\0' 'z' >big; seq 1 30 >numbers 2>/dev/null
touch -t 202001020304.05 text table words bare empty big numbers dir/file dir/sub/deep dir/sub dir/empty dir
"""

COMPARED = r"""
ls
ls -a
ls -A
ls -1
ls -F
ls -p
ls -d dir text
ls dir text words
ls -R dir
ls -r
ls -S text big bare words
ls -l text | cut -c1-10
ls -ln text big words | tr -s ' ' | cut -d' ' -f1-5
ls -i text | wc -w
ls nothing
ls dirlink
ls -d dirlink
cat text bare
cat - <text
cat -n text words
cat nothing text
cat dir
echo -n a; echo b c
echo
printf '%s %5d|%-6s|\n' a 42 b
head text words
head -n 1 text
head -n 2 <text
head -1 text
head -c 5 text
head -n 0 text
head -q -n 1 text words
head -c 1k big | wc -c
tail numbers
tail -n 3 numbers
tail -n +28 numbers
tail -3 numbers
tail -c 5 numbers
tail -c +70 numbers
tail -n 2 text words
tail -n 5 bare
tail -n 0 text
tail nothing
wc -l <text
wc -w <text
wc -c <text
wc -c <big
wc -L <text
wc -m <text
wc text | tr -s ' '
wc text words | tr -s ' '
wc -l nothing
grep two text
grep -n o text
grep -v o text
grep -c o text words
grep -i alpha words
grep -l a text words table
grep -L zzz text words
grep -h o text words
grep -H two text
grep -q two text
grep -q nothing text
grep two nothing
grep -s two nothing
grep -E 'on+e|fou?r' text
grep -F . words
grep -F -i ALPHA words
grep -w beta words
grep -x beta words
grep -o '[a-z]*' text
grep -e one -e four text
grep -r e dir
grep -rn deep .
grep -m 1 o text
grep '^$' words
grep -n '' text
grep 'a\(l\)p' words
grep '[' text
grep -f table words
grep -vc a words
md5sum text words empty big
md5sum <text
md5sum text words >sums; md5sum -c sums
md5sum text >sums; echo x >>text; md5sum -c sums
md5sum nothing
cmp text text
cmp text words
cmp text words | head -c 100
cmp -s text words
cmp text nothing
cmp -l table table
cp text copy; cat copy; stat -c %a copy
cp text words dir; ls dir
cp -r dir new; find new | sort
cp -r dir dir2; cp -r dir dir2; find dir2 | sort
cp dir new
cp -p text copy; stat -c '%a %Y' copy
cp -r dirlink l2; readlink l2
cp nothing copy
cp text text
cp text words nothing
cp -r dir dir/sub
cp -n text words; head -n 1 words
cp big b2; cmp big b2
cp -a dir copy; stat -c %Y copy copy/file copy/sub
mv text new; ls
mv text words dir; ls . dir
mv dir newdir; ls newdir
mv nothing x
mv text dir/sub/; cat dir/sub/text
mv dir dir/sub
mv -n text words; cat words
rm text; ls
rm nothing
rm -f nothing
rm -f
rm dir
rm -r dir; ls
rm -rf dir nothing link; ls
rm dangling; ls
rm -r dirlink; ls dir
rm -rf .
mkdir new; ls -d new
mkdir dir
mkdir a/b
mkdir -p a/b/c; ls -R a
mkdir -p dir
mkdir -m 700 new; stat -c %a new
mkdir -p text/x
rmdir dir/empty; ls dir
rmdir dir
rmdir nothing
mkdir -p a/b; rmdir -p a/b; ls
ln text hard; stat -c %h text
ln -s text new; readlink new
ln -s text words
ln -sf nowhere link; readlink link
ln -s ../text dir; readlink dir/text
ln nothing new
ln -sfn other dirlink; readlink dirlink
touch new; stat -c %s new
touch -c nothing; ls nothing
touch -t 201001010000 text; stat -c %Y text
touch -d '2015-06-07 08:09:10' text; stat -c %Y text
touch -r words text; stat -c %Y text
touch -d @1000000 text; stat -c %Y text
touch -a -d @5 text; stat -c '%X %Y' text
touch nothing/x
readlink link
readlink -f dir/../link | sed "s|$PWD||"
readlink -f nothing | sed "s|$PWD||"
readlink -f dirlink/file | sed "s|$PWD||"
chmod 600 text; stat -c %a text
chmod u+x,go-r text; stat -c '%a %A' text
chmod a=rw text; stat -c %a text
chmod +x text; stat -c %a text
chmod -w words; stat -c %a words
chmod -R go= dir; stat -c %a dir dir/file dir/sub
chmod u=rwX,g=u,o= dir text; stat -c %a dir text
chmod 4755 text; stat -c '%a %A' text
chmod 1777 dir; stat -c '%a %A' dir
chmod zzz text
chmod 644 nothing
chown 0:0 text; stat -c '%u %g' text
chown 0 nothing
mkfifo p; stat -c '%F %A' p
mknod p2 p; stat -c %F p2
mkfifo -m 600 p; stat -c %a p
mkfifo text
stat -c '%n %s %a %A %f %h %u %g %F %Y' text dir empty; stat -c '%n %s %a %A %f %h %u %g %F' link
stat -L -c '%s %F' link
stat -c '%x|%y' text
stat -c %b big
stat -c '%U:%G %t %T' text /dev/null
stat nothing
sort table
sort -r table
sort -n numbers
sort -k 2 table
sort -k 2 -n table
sort -k 2n table
sort -k 1,1 -k 2n table | head -n 1
sort -u table words
sort -t ' ' -k 2,2nr table
sort -f words
sort nothing
sort -o out table; cat out
seq 5
seq 2 5
seq 1 2 9
seq 5 -1 1
seq -w 8 11
seq -s , 3
seq 0 0.5 2
seq 1 0.1 1.3
seq 3 1
seq x
seq -3 0
date -u -d @0
date -u -d @86399 +%H:%M:%S
date -u -d '2024-02-29 12:34:56' +%s
date -u -d '2024-02-29T12:34:56Z' +%s
date -u -r text +%Y-%m-%d
date -d nonsense
date -u -d @1 +%%N%%
date -u -d @5 '+a%tb %N'
env -i A=1 B=2 env
env -u HOME env | grep -c HOME
env X=1 sh -c 'echo $X'
env nonexistent
env -i /nonexistent/x
uname
uname -s
uname -sr
uname -m
uname -a | wc -l
sleep 0
sleep 0.01
sleep x
sleep
true; echo $?
false; echo $?
dd if=big of=out bs=1000 count=3 2>/dev/null; wc -c <out
dd if=numbers bs=1 skip=3 count=4 2>/dev/null
dd if=text of=words conv=notrunc bs=4 count=1 2>/dev/null; cat words
dd if=text of=out seek=2 bs=2 2>/dev/null; xxd out
dd if=big of=out bs=64k 2>&1 | head -n 2
dd if=nothing
dd bs=0 if=text
dd if=bare bs=16 conv=sync 2>/dev/null | wc -c
cat big | dd bs=1000 count=2 iflag=fullblock 2>/dev/null | wc -c
dd if=text conv=nonsense
xxd text
xxd -l 5 text
xxd -s 4 -l 4 text
xxd -p text
xxd <empty
test -f text && test -d dir && test ! -e nothing && echo ok
[ a = a ] && echo ok
[ a = a
test -z "" -a -n x; echo $?
test 5 -gt 3 -o a = b; echo $?
pwd | sed "s|.*/||"
kill -l 9
kill -l 137
kill -0 999999
kill -s NOSUCH 1
kill x
sync text
sync nothing
df . | tail -n +2 | wc -l
df nothing
mount /nonexistent-device /nonexistent-dir
umount /nonexistent-dir
"""


def run_line(box, line, directory, environment):
    os.makedirs(directory)
    status, _, err = common.run(["/bin/sh", "-c", PREPARE], directory, {**box.environment(), "PATH": "/usr/bin:/bin"})
    if status:
        raise common.Problem(f"preparing failed: {err!r}")
    return common.run(["/bin/dash" if os.path.exists("/bin/dash") else "/bin/sh", "-c", line], directory, environment)


def compare(box, line, scratch):
    for name in ("ours", "theirs"):
        os.makedirs(os.path.join(scratch, name))
    # The directories have equal names, as outputs may hold them.
    ours = run_line(box, without_builtins(line, box), os.path.join(scratch, "ours", "w"), box.environment())
    theirs = run_line(box, line, os.path.join(scratch, "theirs", "w"), {**box.environment(), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"})
    (status, out, err), (status2, out2, err2) = ours, theirs
    out, out2 = (text.replace(b"theirs", b"ours") for text in (out, out2))
    if (bool(status), out, bool(err)) != (bool(status2), out2, bool(err2)) or (status != status2 and not err):
        raise common.Problem(f"{line}\n    got    {status} {out!r} {err!r}\n    wanted {status2} {out2!r} {err2!r}")


def without_builtins(line, box):
    """The shell would run its own echo, test and kill: name the program."""
    first = line.split()[0]
    if first in ("echo", "printf", "test", "[", "kill", "pwd", "true", "false"):
        return os.path.join(box.path, line)
    return line


def own_tests(box):
    def expect(words, status, out=None, err=None, text=b"", prepare=None):
        def body(scratch):
            if prepare:
                prepare(scratch)
            got = box.run(words, scratch, text)
            common.same("status", got[0], status)
            if out is not None:
                common.same("output", got[1], out)
            if err is not None and err not in got[2]:
                raise common.Problem(f"standard error lacks {err!r}: {got[2]!r}")
        return body

    names = sorted(set(os.listdir(box.path)) - {"box", "["})

    def help_of(name, folder):
        def body(scratch):
            if name == "echo":
                return
            status, out, _ = common.run([os.path.join(folder, name), "--help"], scratch, box.environment())
            common.same("status", status, 0)
            if not out.startswith(f"usage: {name}".encode()) or out.count(b"\n") < 2:
                raise common.Problem(f"--help prints {out!r}")
        return body

    def full_disk(words):
        def body(scratch):
            with open("/dev/full", "wb") as full:
                done = subprocess.run([os.path.join(box.path, words[0]), *words[1:]], stdout=full, stderr=subprocess.PIPE,
                                      cwd=scratch, env=box.environment(), check=False, timeout=common.LIMIT_SECONDS)
            if done.returncode == 0 or b"write error" not in done.stderr:
                raise common.Problem(f"{words}: status {done.returncode}, {done.stderr!r}")
        return body

    def kill_works(scratch):
        victim = subprocess.Popen(["sleep", "100"])
        common.same("status", box.run(["kill", "-HUP", str(victim.pid)], scratch)[0], 0)
        common.same("the victim's end", victim.wait(common.LIMIT_SECONDS), -signal.SIGHUP)

    def ps_shows(scratch):
        status, out, _ = box.run(["ps"], scratch)
        common.same("status", status, 0)
        if not any(line.split()[0] == str(os.getpid()).encode() for line in out.splitlines()[1:]):
            raise common.Problem("ps does not list its caller")

    def sleeps(scratch):
        start = time.monotonic()
        box.run(["sleep", "0.2"], scratch)
        if time.monotonic() - start < 0.2:
            raise common.Problem("too short")

    def deep_tree(scratch):
        # Deeper than PATH_MAX allows in one name: the tree is made and removed step by step.
        path = os.path.join(scratch, "tree")
        for _ in range(150):
            path = os.path.join(path, "abcdefghij")
        os.makedirs(path)
        common.same("cp", box.run(["cp", "-r", "tree", "copy"], scratch)[0], 0)
        common.same("rm", box.run(["rm", "-r", "tree", "copy"], scratch)[0], 0)
        common.same("left", os.listdir(scratch), [])

    def unreadable(scratch):
        status, out, err = box.run(["cat", "/proc/self/mem"], scratch)
        if status != 1 or b"/proc/self/mem" not in err:
            raise common.Problem(f"{status} {err!r}")

    for name in names:
        yield common.Test(f"tool help: {name}", help_of(name, box.path))
        if box.single:
            yield common.Test(f"tool alone: {name}", help_of(name, box.single))
    for words in (["ls", "/"], ["cat", "/etc/passwd"], ["echo", "a"], ["seq", "100000"], ["uname"], ["date"], ["wc", "/etc/passwd"],
                  ["df"], ["md5sum", "/etc/passwd"], ["stat", "/"], ["printf", "a"], ["sort", "/etc/passwd"], ["grep", "root", "/etc/passwd"]):
        yield common.Test(f"tool full disk: {words[0]}", full_disk(words))
    yield common.Test("tool kill: a signal arrives", kill_works)
    yield common.Test("tool ps: lists its caller", ps_shows)
    yield common.Test("tool sleep: for a fraction of a second", sleeps)
    yield common.Test("tool cp and rm: deep trees", deep_tree)
    yield common.Test("tool cat: a read error is told", unreadable)
    yield common.Test("tool free: has the total", expect(["free", "-h"], 0))
    yield common.Test("tool box: lists the tools", expect(["box"], 0))
    yield common.Test("tool box: runs a named tool", expect(["box", "echo", "a"], 0, b"a\n"))
    yield common.Test("tool box: an unknown name", expect(["box", "nothing"], 127, b"", b"no such tool"))
    yield common.Test("tool init: refuses to be another process", expect(["init"], 1, b"", b"process 1"))
    yield common.Test("tool grep: binary files are not printed",
                      expect(["grep", "a", "-"], 0, b"(standard input): binary file matches\n", text=b"x\0a\n"))
    yield common.Test("tool unknown option: usage and status", expect(["grep", "-Z"], 2, b"", b"usage: grep"))
    yield common.Test("tool ls: an unreadable size is no crash", expect(["ls", "-la", "/proc/self/fd"], 0))
    yield common.Test("tool md5sum: known digests", expect(["md5sum"], 0, b"900150983cd24fb0d6963f7d28e17f72  -\n", text=b"abc"))
    for length in (55, 56, 57, 63, 64, 65, 119, 120):
        yield common.Test(f"tool md5sum: padding of {length} bytes", md5_of(box, length))
    if shutil.which("unshare") and os.geteuid() == 0:
        yield common.Test("tool init: mounts, runs rc and commands as process 1", lambda scratch: init_exec(box, scratch))


def md5_of(box, length):
    def body(scratch):
        data = bytes(range(256))[:length]
        common.same("digest", box.run(["md5sum"], scratch, data)[1], hashlib.md5(data).hexdigest().encode() + b"  -\n")
    return body


def init_exec(box, scratch):
    """init in new name spaces, where it is process 1 with a pseudo terminal as its console."""
    probe = subprocess.run(["unshare", "-fpm", "true"], capture_output=True, check=False)
    if probe.returncode:
        return  # not allowed here
    master, slave = pty.openpty()
    init = os.path.join(box.single or box.path, "init")
    command = urllib.parse.quote("cat /tmp/rc; echo hello; echo $PWD $HOME; exit 5")
    script = f"""
        set -e
        mount -t tmpfs none {scratch}; cd {scratch}
        mkdir -p proc dev etc bin usr lib lib64 root tmp mnt
        for d in usr lib lib64 bin; do [ ! -d /$d ] || mount --rbind /$d $d; done
        touch dev/console dev/null
        mount --bind {os.ttyname(slave)} dev/console; mount --bind /dev/null dev/null
        echo 'quiet exec={command}' > cmdline
        mount -t proc none proc; mount --bind cmdline proc/cmdline
        echo 'echo unseen; echo ran > /tmp/rc' > etc/rc; cp {init} init
        exec chroot . /init
    """
    done = subprocess.run(["unshare", "-fpm", "sh", "-c", script], capture_output=True, timeout=common.LIMIT_SECONDS, check=False)
    os.set_blocking(master, False)
    output = os.read(master, 4096)
    os.close(slave)
    os.close(master)
    common.same("what the console got", output, b"ran\nhello\n/ /root\n")
    # To restart a process-id name space is to end it by SIGHUP: so init has asked for that.
    common.same("the end of the name space", done.returncode, -signal.SIGHUP)


def tests(box):
    for line in COMPARED.strip().splitlines():
        yield common.Test(f"tool same: {line}", lambda scratch, line=line: compare(box, line, scratch))
    yield from own_tests(box)
