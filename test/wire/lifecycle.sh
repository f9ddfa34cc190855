#!/usr/bin/env bash
# The life of a flow, driven by the AWS CLI: create, describe, start, poll, cancel, update, stop, tag, delete.
#
# Wanted in the environment: AWS_ENDPOINT_URL, and credentials as for any AWS tool. The bucket in-bkt has to hold three
# records of CSV below orders/ with the columns id, country and amount. Ends with 0 when everything was as it should be;
# else the last line says what was not.
set -euo pipefail
cd "$(dirname "$0")"

: "${AWS_ENDPOINT_URL:?the URL of a running server, such as http://127.0.0.1:8080}"
export AWS_REGION=${AWS_REGION:-eu-west-1} AWS_DEFAULT_REGION=${AWS_REGION:-eu-west-1} AWS_PAGER="" AWS_EC2_METADATA_DISABLED=true AWS_MAX_ATTEMPTS=1

appflow() { aws --endpoint-url "$AWS_ENDPOINT_URL" --output text appflow "$@"; }

fail() { echo "lifecycle: $*" >&2; exit 1; }

# expect TEXT WANTED WHAT
expect() { [[ $1 == "$2" ]] || fail "$3 is '$1', not '$2'"; }

# refused ERROR COMMAND… runs a command that has to be refused with that error.
refused() {
	local error=$1 said
	shift
	if said=$(appflow "$@" 2>&1); then fail "$* was not refused"; fi
	[[ $said == *"($error)"* ]] || fail "$* was refused with: $said, not with $error"
}

name=wire-orders-$$
definition=$(mktemp)
trap 'rm -f "$definition"' EXIT
sed "s/NAME/$name/" flow.json >"$definition"

arn=$(appflow create-flow --cli-input-json "file://$definition" --query flowArn)
[[ $arn == arn:aws:appflow:"$AWS_REGION":*:flow/"$name" ]] || fail "the ARN is $arn"
refused ConflictException create-flow --cli-input-json "file://$definition"
expect "$(appflow describe-flow --flow-name "$name" --query flowStatus)" Active "the flow's status"
expect "$(appflow describe-flow --flow-name "$name" --query 'tasks[*].taskType')" "$(printf 'Map\tFilter\tMap')" "the order of the tasks"
expect "$(appflow list-flows --query "flows[?flowName=='$name'].triggerType")" OnDemand "the trigger in the list"

id=$(appflow start-flow --flow-name "$name" --client-token token-1 --query executionId)
expect "$(appflow start-flow --flow-name "$name" --client-token token-1 --query executionId)" "$id" "the execution of a repeated start"
status=InProgress
for ((tries = 0; tries < 120; tries++)); do # each call of the CLI takes about half a second
	status=$(appflow describe-flow-execution-records --flow-name "$name" --query "flowExecutions[?executionId=='$id'].executionStatus")
	[[ $status == InProgress ]] || break
done
expect "$status" Successful "the execution's status"
expect "$(appflow describe-flow-execution-records --flow-name "$name" --query 'flowExecutions[0].executionResult.recordsProcessed')" 3 "the number of records"
expect "$(appflow describe-flow --flow-name "$name" --query lastRunExecutionDetails.mostRecentExecutionStatus)" Successful "the last run"
expect "$(appflow cancel-flow-executions --flow-name "$name" --execution-ids "$id" --query invalidExecutions)" "$id" "what could not be canceled"

refused UnsupportedOperationException stop-flow --flow-name "$name"
sed -i.bak 's/"destinationField": "land"/"destinationField": "country"/' "$definition" && rm -f "$definition.bak"
expect "$(appflow update-flow --cli-input-json "file://$definition" --query flowStatus)" Active "the status after an update"
expect "$(appflow describe-flow --flow-name "$name" --query schemaVersion)" 2 "the schema version after a mapping changed"

appflow tag-resource --resource-arn "$arn" --tags team=data,stage=test
expect "$(appflow list-tags-for-resource --resource-arn "$arn" --query 'tags.team')" data "the tag"
appflow untag-resource --resource-arn "$arn" --tag-keys stage
expect "$(appflow list-tags-for-resource --resource-arn "$arn" --query 'length(tags)')" 1 "the number of tags"

appflow delete-flow --flow-name "$name" --no-force-delete
refused ResourceNotFoundException describe-flow --flow-name "$name"
refused ResourceNotFoundException start-flow --flow-name "$name"
refused ValidationException create-flow --flow-name 'two words' --trigger-config triggerType=OnDemand \
	--source-flow-config '{"connectorType":"S3","sourceConnectorProperties":{"S3":{"bucketName":"in-bkt"}}}' --destination-flow-config-list '[]' --tasks '[]'
echo "lifecycle: all as it should be"
