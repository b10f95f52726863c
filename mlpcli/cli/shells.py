"""The scripts with which shells complete the command line, and how each reads the answer.

Click has classes for bash, zsh and fish. Those here are made from them, so that bash completes
behind an equals sign too, fish has values and descriptions with commas, and a word that may go on,
as `optimizer.`, goes on without a space.
"""

import os
from typing import Any

from click.shell_completion import (
    CompletionItem,
    FishComplete,
    ShellComplete,
    ZshComplete,
    add_completion_class,
    split_arg_string,
)

VARIABLE = "_MLPCLI_COMPLETE"
"""the variable through which a script asks; click builds its name in this way"""

_BASH = """\
%(complete_func)s() {
    local kind value
    COMPREPLY=()
    while IFS=, read -r kind value; do
        case $kind in
            dir) compopt -o dirnames 2>/dev/null ;;
            file) compopt -o default 2>/dev/null ;;
            plain)
                case $value in
                    *[=./]) compopt -o nospace 2>/dev/null ;;
                    *[^A-Za-z0-9_./=,:+-]*) printf -v value %%q "$value" ;;
                esac
                COMPREPLY+=("$value") ;;
        esac
    done < <(COMP_WORDS="${COMP_LINE:0:COMP_POINT}" COMP_WORDBREAKS="$COMP_WORDBREAKS" \\
        %(complete_var)s=bash_complete "$1" 2>/dev/null)
}
complete -o nosort -F %(complete_func)s %(prog_name)s 2>/dev/null ||
    complete -F %(complete_func)s %(prog_name)s
"""

_ZSH = """\
#compdef %(prog_name)s

%(complete_func)s() {
    local -a response closed open
    local kind value told
    (( ! $+commands[%(prog_name)s] )) && return 1
    response=("${(@f)$(env COMP_WORDS="${words[*]}" COMP_CWORD=$((CURRENT-1)) \\
        %(complete_var)s=zsh_complete %(prog_name)s 2>/dev/null)}")
    for kind value told in ${response}; do
        case $kind in
            dir) _path_files -/ ;;
            file) _path_files -f ;;
            plain)
                [[ $told == _ ]] || value="$value:$told"
                if [[ ${value%%%%:*} == *[=./] ]]; then
                    open+=("$value")
                else
                    closed+=("$value")
                fi ;;
        esac
    done
    (( $#closed )) && _describe -V closed closed -U
    (( $#open )) && _describe -V open open -U -S ''
}

if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    %(complete_func)s "$@"
else
    (( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
    compdef %(complete_func)s %(prog_name)s
fi
"""

_FISH = """\
function %(complete_func)s
    set -l words (commandline -cp | string collect)
    for each in (env COMP_WORDS=$words %(complete_var)s=fish_complete %(prog_name)s 2>/dev/null)
        set -l answer (string split -m 1 , -- $each)
        switch $answer[1]
            case dir
                __fish_complete_directories $answer[2]
            case file
                __fish_complete_path $answer[2]
            case plain
                echo $answer[2]
        end
    end
end
complete --no-files --command %(prog_name)s --arguments "(%(complete_func)s)"
"""

_POWERSHELL = """\
Register-ArgumentCompleter -Native -CommandName %(prog_name)s -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $length = $cursorPosition - $commandAst.Extent.StartOffset
    $line = $commandAst.ToString().PadRight($length).Substring(0, $length)
    $before = $env:COMP_WORDS, $env:%(complete_var)s
    $env:COMP_WORDS, $env:%(complete_var)s = $line, 'powershell_complete'
    try {
        $answer = & %(prog_name)s 2>$null
    } finally {
        $env:COMP_WORDS, $env:%(complete_var)s = $before
    }
    foreach ($each in $answer) {
        $value, $told = $each -split "`t", 2
        if (-not $told) { $told = $value }
        [System.Management.Automation.CompletionResult]::new(
            $value, $value, 'ParameterValue', $told)
    }
}
"""


def _words_before_the_cursor() -> tuple[list[str], str]:
    """Return the words after the command's name, and the one that the cursor is at the end of."""
    line = os.environ.get("COMP_WORDS", "")
    words = split_arg_string(line)[1:]
    return (words, "") if not line or line[-1].isspace() else (words[:-1], "".join(words[-1:]))


@add_completion_class
class Bash(ShellComplete):
    """Bash, which cuts words at the characters in COMP_WORDBREAKS, as at equals signs."""

    name = "bash"
    source_template = _BASH

    def get_completion_args(self) -> tuple[list[str], str]:
        return _words_before_the_cursor()

    def format_completion(self, item: CompletionItem[Any]) -> str:
        """Leave out what bash takes for words of their own before the one that is completed."""
        _, begun = self.get_completion_args()
        breaks = [
            begun.rfind(each) for each in "=:" if each in os.environ.get("COMP_WORDBREAKS", "")
        ]
        value = str(item.value)
        is_cut = item.type == "plain" and value.startswith(begun)
        return f"{item.type},{value[max(breaks, default=-1) + 1 :] if is_cut else value}"


@add_completion_class
class Zsh(ZshComplete):
    """Zsh; as click's, which separates a value from its description."""

    source_template = _ZSH

    def format_completion(self, item: CompletionItem[Any]) -> str:
        told = " ".join((item.help or "_").split())
        return f"{item.type}\n{str(item.value).replace(':', chr(92) + ':')}\n{told}"


@add_completion_class
class Fish(FishComplete):
    """Fish; it completes behind an equals sign, and adds no space there, by itself."""

    source_template = _FISH

    def get_completion_args(self) -> tuple[list[str], str]:
        return _words_before_the_cursor()

    def format_completion(self, item: CompletionItem[Any]) -> str:
        told = " ".join((item.help or "").split())
        return f"{item.type},{item.value}\t{told}" if told else f"{item.type},{item.value}"


@add_completion_class
class PowerShell(ShellComplete):
    """PowerShell on any system; where nothing is answered, it completes files by itself."""

    name = "powershell"
    source_template = _POWERSHELL

    def get_completion_args(self) -> tuple[list[str], str]:
        return _words_before_the_cursor()

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem[Any]]:
        found = super().get_completions(args, incomplete)
        return [item for item in found if item.type == "plain"]

    def format_completion(self, item: CompletionItem[Any]) -> str:
        return f"{item.value}\t{' '.join((item.help or '').split())}"


SHELLS: dict[str, type[ShellComplete]] = {
    "bash": Bash,
    "zsh": Zsh,
    "fish": Fish,
    "powershell": PowerShell,
}
