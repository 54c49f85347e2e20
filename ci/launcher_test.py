"""The launcher on a small checkout of its own: first start, second start, changes, mistakes.

The checkout lies in a folder with a space in its name and holds the real launcher with a program of
ten lines, so that building takes a second.
"""
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent
CMAKE = """cmake_minimum_required(VERSION 3.25)
project(small LANGUAGES CXX)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
add_executable(violet experiments/runner/violet_main.cpp)
"""
PROGRAM = """#include <cstdio>
int main(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) std::printf("%s|", argv[i]);
  return argc > 2 && argv[2][0] == '7' ? 7 : 0;
}
"""
TOOLS = ("cmake", "ninja", "c++", "flock", "dpkg-query")


@unittest.skipUnless(all(map(shutil.which, TOOLS)), "needs " + ", ".join(TOOLS))
class LauncherTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="violet launcher ")
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name) / "a checkout"
        for name in ("violet", "ci/bootstrap.sh", "ci/test.sh", "CMakePresets.json"):
            (self.root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, self.root / name)
        self.write("CMakeLists.txt", CMAKE)
        self.write("experiments/runner/violet_main.cpp", PROGRAM)
        self.write("ci/packages.txt", "core cmake cmake\ncore ninja-build ninja\n")
        for folder in ("engine", "dataplane", "datasets", "cmake"):
            (self.root / folder).mkdir()

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def environment(self, extra):
        kept = {key: value for key, value in os.environ.items() if not key.startswith("VIOLET_")}
        return {**kept, "VIOLET_NO_HUGEPAGES": "1", "VIOLET_NO_INSTALL": "1", **extra}

    def start(self, *arguments, cwd="/", **extra):
        done = subprocess.run([self.root / "violet", *arguments], cwd=cwd, env=self.environment(extra),
                              capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=120, check=False)
        return done

    def expect(self, code, *arguments, **extra):
        done = self.start(*arguments, **extra)
        self.assertEqual(done.returncode, code, done.stderr)
        return done

    def test_first_start_builds_and_passes_everything_on(self):
        done = self.expect(0, "demo", "two words", "*")
        self.assertEqual(done.stdout, "demo|two words|*|")
        self.assertIn("first time", done.stderr)
        self.assertEqual(self.expect(7, "run", "7").stdout, "run|7|")

    def test_second_start_builds_nothing_and_is_silent(self):
        self.expect(0, "demo")
        time.sleep(1.1)  # The stamp is a second older than the build that it stands for.
        self.expect(0, "demo")
        built = self.root / "build/release/build.ninja"
        before = {path: path.stat().st_mtime_ns for path in (built.parent / ".built-from", built) if path.exists()}
        self.assertEqual(self.expect(0, "demo").stderr, "")
        self.assertEqual({path: path.stat().st_mtime_ns for path in before}, before)
        self.assertTrue(before)

    def test_other_packages_of_the_system_are_no_reason_to_build(self):
        self.expect(0, "demo")
        stamp = self.root / "build/release/.built-from"
        seen = self.root / "build/release/.built-from-packages"
        self.assertIn("cmake ", seen.read_text(encoding="utf-8"))
        time.sleep(1.1)  # The stamp is a second older than the build that it stands for.
        self.expect(0, "demo")
        built = stamp.stat().st_mtime_ns
        os.utime(seen, (1, 1))  # As if dpkg had changed something since.
        self.expect(0, "demo")
        self.assertEqual(stamp.stat().st_mtime_ns, built)
        self.assertGreater(seen.stat().st_mtime, 1)  # Until it does so again.
        seen.write_text("cmake 1.0 installed\n", encoding="utf-8")
        os.utime(seen, (1, 1))
        self.expect(0, "demo")
        self.assertGreater(stamp.stat().st_mtime_ns, built)

    def test_how_a_verb_is_called_can_be_read_before_it_is_built(self):
        self.write("gui/app/help.txt", "usage: violet gui\n")
        self.write("experiments/cli/help/run.txt", "usage: violet run\n")
        self.write("experiments/cli/help/guest.txt", "usage: violet guest\n")
        self.write("experiments/cli/help/guest-capture.txt", "usage: violet guest capture\n")
        for question in ("--help", "-h"):
            for words in (("gui",), ("run",), ("guest",), ("guest", "capture")):
                done = self.expect(0, *words, question)
                self.assertEqual((done.stdout, done.stderr), (f"usage: violet {' '.join(words)}\n", ""))
        self.assertIn("there is no verb 'rnu'", self.expect(2, "rnu", "--help").stderr)
        self.assertFalse((self.root / "build/release/bin").exists())
        time.sleep(1.1)  # The stamp is a second older than the build that it stands for.
        self.expect(0, "demo")
        self.assertEqual(self.expect(0, "run", "--help").stdout, "run|--help|", "the program's own where it is built")

    def test_python_draws_without_a_build_and_asks_a_built_program_for_verdicts(self):
        for door in ("figure", "export", "artifact"):
            self.write(f"notebooks-export/{door}.py", "import sys\nprint('|'.join(sys.argv[1:]))\n")
        self.assertEqual(self.expect(0, "figure", "list", "two words").stdout, "list|two words\n")
        self.assertEqual(self.expect(0, "export", "r", "--numbers", "--out", "x").stdout, "r|--numbers|--out|x\n")
        self.assertEqual(self.expect(0, "artifact", "list").stdout, "list\n")
        self.assertEqual(self.expect(0, "artifact", "run", "--help").stdout, "run|--help\n")
        self.assertFalse((self.root / "build/release/bin").exists())
        program = self.root / "build/release/bin/violet"
        self.assertEqual(self.expect(0, "artifact", "check", "x").stdout, f"--program|{program}|check|x\n")
        self.assertEqual(self.expect(0, "export", "r", "--notebook").stdout, f"--program|{program}|r|--notebook\n")
        self.assertEqual(self.expect(0, "export", "r", "--csv").stdout, "export|r|--csv|")

    def test_the_demo_leaves_a_notebook_unless_told_not_to(self):
        self.write("notebooks-export/demo.py", "import sys\nprint('|'.join(sys.argv[1:]))\nsys.exit(7)\n")
        program = self.root / "build/release/bin/violet"
        self.assertEqual(self.expect(7, "demo", "two words").stdout, f"--program|{program}|two words\n")
        self.assertEqual(self.expect(0, "demo", "--no-notebook", "x").stdout, "demo|x|")
        self.assertEqual(self.expect(0, "demo", "--help").stdout, "demo|--help|")

    def test_changes_are_built_even_by_an_older_file(self):
        self.expect(0, "demo")
        main = self.root / "experiments/runner/violet_main.cpp"
        main.write_text(PROGRAM.replace('"%s|"', '"%s;"'), encoding="utf-8")
        self.assertEqual(self.expect(0, "demo").stdout, "demo;")
        before = main.stat().st_mtime - 3600
        main.write_text(PROGRAM, encoding="utf-8")
        os.utime(main, (before, before))
        self.assertEqual(self.expect(0, "demo").stdout, "demo|")

    def test_a_header_of_the_system_that_was_replaced_by_an_older_one_is_compiled_again(self):
        system = self.root.parent / "system"
        system.mkdir()
        (system / "api.h").write_text("#define ANSWER 3\n", encoding="utf-8")
        self.write("CMakeLists.txt", CMAKE + f"""
target_include_directories(violet SYSTEM PRIVATE "{system}")
target_precompile_headers(violet PRIVATE <api.h>)
""")
        self.write("experiments/runner/violet_main.cpp", "int main() { return ANSWER; }\n")
        self.expect(3, "run")
        (system / "api.h").write_text("#define ANSWER  4\n", encoding="utf-8")
        os.utime(system / "api.h", (10 ** 9, 10 ** 9))
        self.write("CMakeLists.txt", (self.root / "CMakeLists.txt").read_text(encoding="utf-8") + "# Looked at again.\n")
        self.expect(4, "run")

    def test_a_broken_source_fails_and_recovers(self):
        self.expect(0, "demo")
        self.write("experiments/runner/violet_main.cpp", "int main( {")
        self.assertIn("error", self.expect(1, "demo").stderr)
        self.expect(1, "demo")
        self.write("experiments/runner/violet_main.cpp", PROGRAM)
        self.expect(0, "demo")

    def test_a_moved_checkout_builds_anew(self):
        self.expect(0, "demo")
        moved = self.root.parent / "moved"
        shutil.copytree(self.root, moved, symlinks=True)
        shutil.rmtree(self.root)
        self.root = moved
        self.assertEqual(self.expect(0, "demo").stdout, "demo|")

    def test_through_a_link_and_from_inside(self):
        self.expect(0, "demo")
        link = self.root.parent / "link"
        link.symlink_to(self.root / "violet")
        done = subprocess.run([link, "list"], cwd=self.root.parent, env=self.environment({}), capture_output=True,
                              text=True, check=False)
        self.assertEqual((done.returncode, done.stdout), (0, "list|"))
        self.assertEqual(self.expect(0, "list", cwd=self.root / "engine").stdout, "list|")

    def test_two_at_once(self):
        both = [subprocess.Popen([self.root / "violet", "demo"], env=self.environment({}), stdin=subprocess.DEVNULL,
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
        outputs = [one.communicate(timeout=120) for one in both]
        self.assertEqual([one.returncode for one in both], [0, 0], outputs)
        self.assertEqual([out for out, _ in outputs], ["demo|", "demo|"])
        self.assertEqual(sum("first time" in err for _, err in outputs), 1)

    def test_killed_in_the_build(self):
        slow = "#include <regex>\n#include <iostream>\n" + PROGRAM
        self.write("experiments/runner/violet_main.cpp", slow)
        one = subprocess.Popen([self.root / "violet", "demo"], env=self.environment({}), stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        ninja_file = self.root / "build/release/build.ninja"
        for _ in range(600):
            if ninja_file.exists() or one.poll() is not None:
                break
            time.sleep(0.02)
        os.killpg(one.pid, signal.SIGKILL)
        one.wait()
        self.assertEqual(self.expect(0, "demo").stdout, "demo|")

    def test_a_damaged_cache_is_configured_again(self):
        self.write("build/release/CMakeCache.txt", "half a li")
        self.write("build/release/CMakeFiles/x", "")
        self.expect(0, "demo")

    def test_mistakes(self):
        self.assertIn("there is no verb 'dmeo'", self.expect(2, "dmeo").stderr)
        self.assertIn("usage:", self.expect(2).stderr)
        self.assertIn("usage:", self.expect(0, "--help").stdout)
        self.assertIn("VIOLET_BUILD_DIR", self.expect(5, "demo", VIOLET_BUILD_DIR="/proc/violet").stderr)
        self.assertIn("not '--nonsense'", self.expect(2, "setup", "--nonsense").stderr)

    def test_missing_packages_are_one_command(self):
        self.write("ci/packages.txt", "core cmake cmake\ncore no-such-package-a\ncore no-such-package-b\n")
        done = self.expect(5, "demo")
        self.assertIn("install -y --no-install-recommends no-such-package-a no-such-package-b'", done.stderr)
        self.assertEqual(done.stdout, "")

    def test_packages_are_those_of_the_release_and_the_newest_names_where_it_is_not_known(self):
        self.write("ci/packages.txt", "core:bookworm no-such-package-old\ncore no-such-package\n"
                                      "core:trixie no-such-package-new\n")
        script = self.root / "ci/bootstrap.sh"
        text = script.read_text(encoding="utf-8")
        for codename, wanted in (("bookworm", "no-such-package no-such-package-old"),
                                 ("trixie", "no-such-package no-such-package-new"),
                                 ("forky", "no-such-package no-such-package-new"),
                                 ("", "no-such-package no-such-package-new")):
            self.write("os-release", f"ID=debian\nVERSION_CODENAME={codename}\n")
            script.write_text(text.replace("/etc/os-release", f"'{self.root}/os-release'"), encoding="utf-8")
            self.assertIn(f"--no-install-recommends {wanted}'", self.expect(5, "demo").stderr, codename)

    def test_a_compiler_that_is_gone_is_chosen_anew(self):
        self.write("build/release/CMakeCache.txt", "CMAKE_CXX_COMPILER:FILEPATH=/nonexistent/c++-12\n")
        self.write("build/release/build.ninja", "left over\n")
        self.expect(0, "demo")
        self.assertTrue((self.root / "build/release/.built-from").exists())

    def test_all_has_what_figures_need(self):
        self.write("ci/packages.txt", "core cmake cmake\nfigures no-such-package-a\nguest no-such-package-b\n")
        done = self.expect(5, "setup", "--all")
        self.assertIn("--no-install-recommends no-such-package-a'", done.stderr)

    def test_figures_without_python_are_one_command(self):
        launcher = self.root / "violet"
        launcher.write_text(launcher.read_text().replace("/usr/bin/python3", "/nonexistent/python3"), encoding="utf-8")
        for arguments in (("figure", "list"), ("export", "a run", "--numbers", "--out", "x")):
            done = self.expect(5, *arguments)
            self.assertIn("apt-get install -y --no-install-recommends python3'", done.stderr)

    def test_a_strange_environment_does_not_reach_the_build(self):
        bad = self.root / "bad"
        for name in ("cmake", "ninja", "c++", "python3"):
            self.write(f"bad/{name}", "#!/bin/sh\nexit 9\n")
            (bad / name).chmod(0o755)
        self.expect(0, "demo", PATH=f"{bad}:{os.environ['PATH']}", CXX="/nonexistent", CXXFLAGS="--nonsense")

    def test_builds_elsewhere(self):
        elsewhere = self.root.parent / "else where"
        self.expect(0, "demo", VIOLET_BUILD_DIR=str(elsewhere))
        self.assertTrue((elsewhere / "release/bin/violet").exists())
        self.assertFalse((self.root / "build").exists())

    def test_no_program_yet(self):
        (self.root / "experiments/runner/violet_main.cpp").unlink()
        self.assertIn("violet_main.cpp is missing", self.expect(5, "demo").stderr)


if __name__ == "__main__":
    unittest.main()
