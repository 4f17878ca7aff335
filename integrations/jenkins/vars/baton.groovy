/**
 * A step of a shared library: attaches and persists in one call, and returns the build that it created.
 *
 *   baton persist: 'dist', store: 's3://acme-builds/shop'
 *   baton attach: 'latest@main', at: 'out'
 *
 * The agent needs bash, curl and tar.
 */
def call(Map options = [:]) {
    def known = ['persist', 'attach', 'at', 'root', 'name', 'job', 'store', 'roleArn', 'version', 'baseUrl']
    def unknown = options.keySet() - known
    if (unknown) {
        error("baton: ${unknown.join(', ')} is not an option; the options are ${known.join(', ')}")
    }
    def version = options.version ?: '0.1.0'
    def baseUrl = options.baseUrl ?: 'https://github.com/baton-ci/baton/releases/download'
    // One path, or a list of them.
    def paths = options.persist instanceof List ? options.persist.join('\n') : (options.persist ?: '')
    withEnv([
        "PARAM_VERSION=${version}",
        "PARAM_BASE_URL=${baseUrl}",
        "PARAM_PERSIST=${paths}",
        "PARAM_ATTACH=${options.attach ?: ''}",
        "PARAM_AT=${options.at ?: '.'}",
        "PARAM_ROOT=${options.root ?: '.'}",
        "PARAM_NAME=${options.name ?: ''}",
        "PARAM_JOB=${options.job ?: ''}",
        "PARAM_STORE=${options.store ?: ''}",
        "PARAM_ROLE_ARN=${options.roleArn ?: ''}",
    ]) {
        // Standard output is the build and nothing else.
        def build = sh(returnStdout: true, script: '''#!/usr/bin/env bash
            set -euo pipefail
            scripts=$(mktemp -d)
            trap 'rm -rf -- "$scripts"' EXIT
            for script in install.sh steps.sh; do
              curl --fail --silent --show-error --location --output "$scripts/$script" \
                "$PARAM_BASE_URL/v$PARAM_VERSION/$script"
            done
            bash "$scripts/install.sh" >&2
            PATH=$HOME/.local/bin:$PATH bash "$scripts/steps.sh"
        ''')
        return build.trim()
    }
}
