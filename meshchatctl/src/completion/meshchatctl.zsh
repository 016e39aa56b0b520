#compdef meshchatctl
# Completion of meshchatctl for zsh. For this shell alone: source <(meshchatctl completions zsh)
_meshchatctl() {
    local line
    local -a found folders
    for line in "${(@f)$(
        COMPLETE=zsh meshchatctl -- "${(@Q)words[1,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null
    )}"; do
        case $line in
            '') ;;
            */) folders+=("${line%/}") ;;
            *) found+=("$line") ;;
        esac
    done
    (( $#folders )) && _describe -V 'folder' folders -S / -r /
    (( $#found )) && _describe -V 'value' found
    (( $#folders + $#found ))
}
if [[ $funcstack[1] == _meshchatctl ]]; then
    _meshchatctl "$@"
elif (( $+functions[compdef] )); then
    compdef _meshchatctl meshchatctl
fi
