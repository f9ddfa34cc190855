package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/appflow"
	"github.com/aws/aws-sdk-go-v2/service/appflow/types"
	"github.com/hashicorp/terraform-plugin-sdk/v2/diag"
	"github.com/hashicorp/terraform-plugin-sdk/v2/helper/retry"
	"github.com/hashicorp/terraform-plugin-sdk/v2/helper/schema"
)

var (
	errorHandling = block("error_handling_config", "errorHandlingConfig",
		text("bucket_name", "bucketName"), text("bucket_prefix", "bucketPrefix"), flag("fail_on_first_destination_error", "failOnFirstDestinationError"))
	object  = must(text("object", "object"))
	idNames = list("id_field_names", "idFieldNames")
	writes  = text("write_operation_type", "writeOperationType")

	prefix = block("prefix_config", "prefixConfig", text("prefix_format", "prefixFormat"), list("prefix_hierarchy", "pathPrefixHierarchy"), text("prefix_type", "prefixType"))

	sources = func() []shape {
		all := []shape{
			block("custom_connector", "CustomConnector", must(text("entity_name", "entityName")), table("custom_properties", "customProperties")),
			block("s3", "S3", must(text("bucket_name", "bucketName")), must(text("bucket_prefix", "bucketPrefix")),
				block("s3_input_format_config", "s3InputFormatConfig", text("s3_input_file_type", "s3InputFileType"))),
			block("salesforce", "Salesforce", object, text("data_transfer_api", "dataTransferApi"), flag("enable_dynamic_field_update", "enableDynamicFieldUpdate"), flag("include_deleted_records", "includeDeletedRecords")),
			block("sapo_data", "SAPOData", must(text("object_path", "objectPath")), block("pagination_config", "paginationConfig", must(count("max_page_size", "maxPageSize")))),
			block("veeva", "Veeva", object, text("document_type", "documentType"), flag("include_all_versions", "includeAllVersions"), flag("include_renditions", "includeRenditions"), flag("include_source_files", "includeSourceFiles")),
		}
		for name, member := range plainConnectors {
			all = append(all, block(name, member, object))
		}
		return all
	}()

	// plainConnectors are sources that have nothing but an object.
	plainConnectors = map[string]string{
		"amplitude": "Amplitude", "datadog": "Datadog", "dynatrace": "Dynatrace", "google_analytics": "GoogleAnalytics", "infor_nexus": "InforNexus", "marketo": "Marketo",
		"service_now": "ServiceNow", "singular": "Singular", "slack": "Slack", "trendmicro": "Trendmicro", "zendesk": "Zendesk",
	}

	destinations = []shape{
		block("custom_connector", "CustomConnector", must(text("entity_name", "entityName")), table("custom_properties", "customProperties"), idNames, writes, errorHandling),
		block("customer_profiles", "CustomerProfiles", must(text("domain_name", "domainName")), text("object_type_name", "objectTypeName")),
		block("event_bridge", "EventBridge", object, errorHandling),
		block("honeycode", "Honeycode", object, errorHandling),
		block("marketo", "Marketo", object, errorHandling),
		block("redshift", "Redshift", object, must(text("intermediate_bucket_name", "intermediateBucketName")), text("bucket_prefix", "bucketPrefix"), errorHandling),
		block("s3", "S3", must(text("bucket_name", "bucketName")), text("bucket_prefix", "bucketPrefix"),
			block("s3_output_format_config", "s3OutputFormatConfig", text("file_type", "fileType"), func() shape {
				s := flag("preserve_source_data_typing", "preserveSourceDataTyping")
				s.always = true
				return s
			}(), block("aggregation_config", "aggregationConfig", text("aggregation_type", "aggregationType"), count("target_file_size", "targetFileSize")), prefix)),
		block("salesforce", "Salesforce", object, text("data_transfer_api", "dataTransferApi"), idNames, writes, errorHandling),
		block("sapo_data", "SAPOData", must(text("object_path", "objectPath")), idNames, writes, errorHandling,
			block("success_response_handling_config", "successResponseHandlingConfig", text("bucket_name", "bucketName"), text("bucket_prefix", "bucketPrefix"))),
		block("snowflake", "Snowflake", object, must(text("intermediate_bucket_name", "intermediateBucketName")), text("bucket_prefix", "bucketPrefix"), errorHandling),
		block("upsolver", "Upsolver", must(text("bucket_name", "bucketName")), text("bucket_prefix", "bucketPrefix"),
			must(block("s3_output_format_config", "s3OutputFormatConfig", text("file_type", "fileType"), block("aggregation_config", "aggregationConfig", text("aggregation_type", "aggregationType")), must(prefix)))),
		block("zendesk", "Zendesk", object, idNames, writes, errorHandling),
	}

	operators = func() []shape {
		all := []shape{text("custom_connector", "CustomConnector"), text("s3", "S3"), text("salesforce", "Salesforce"), text("sapo_data", "SAPOData"), text("veeva", "Veeva")}
		for name, member := range plainConnectors {
			all = append(all, text(name, member))
		}
		return all
	}()

	ends = []shape{must(text("connector_type", "connectorType")), text("connector_profile_name", "connectorProfileName"), text("api_version", "apiVersion")}

	flowShapes = []shape{
		must(replacing(text("name", "flowName"))), text("description", "description"), replacing(learned(text("kms_arn", "kmsArn"))), table("tags", "tags"),
		must(block("source_flow_config", "sourceFlowConfig", append(slices.Clone(ends),
			block("incremental_pull_config", "incrementalPullConfig", text("datetime_type_field_name", "datetimeTypeFieldName")),
			must(block("source_connector_properties", "sourceConnectorProperties", sources...)))...)),
		must(several(block("destination_flow_config", "destinationFlowConfigList", append(slices.Clone(ends),
			must(block("destination_connector_properties", "destinationConnectorProperties", destinations...)))...))),
		func() shape {
			s := must(several(block("task", "tasks", must(text("task_type", "taskType")), sourceFields(), text("destination_field", "destinationField"), table("task_properties", "taskProperties"),
				block("connector_operator", "connectorOperator", operators...))))
			s.kind = schema.TypeSet
			s.needs = "taskType"
			return s
		}(),
		must(block("trigger_config", "triggerConfig", must(text("trigger_type", "triggerType")),
			learned(block("trigger_properties", "triggerProperties", block("scheduled", "Scheduled", must(text("schedule_expression", "scheduleExpression")),
				text("data_pull_mode", "dataPullMode"), clock("first_execution_from", "firstExecutionFrom"), clock("schedule_end_time", "scheduleEndTime"),
				count("schedule_offset", "scheduleOffset"), clock("schedule_start_time", "scheduleStartTime"), text("timezone", "timezone")))))),
		learned(block("metadata_catalog_config", "metadataCatalogConfig", block("glue_data_catalog", "glueDataCatalog",
			must(text("database_name", "databaseName")), must(text("role_arn", "roleArn")), must(text("table_prefix", "tablePrefix"))))),
	}
)

// sourceFields are computed when absent; one empty field against none is no difference.
func sourceFields() shape {
	s := learned(list("source_fields", "sourceFields"))
	s.always = true // the API wants it, be it empty
	s.suppress = func(_, before, after string, d *schema.ResourceData) bool {
		tasks, ok := d.Get("task").(*schema.Set)
		if !ok || tasks.Len() != 1 {
			return false
		}
		task, _ := tasks.List()[0].(map[string]any)
		fields, _ := task["source_fields"].([]any)
		return len(fields) == 1 && fields[0] == "" && before == "0" && after == "1"
	}
	return s
}

func flowResource() *schema.Resource {
	s := schemaOf(flowShapes)
	s["arn"] = &schema.Schema{Type: schema.TypeString, Computed: true}
	s["flow_status"] = &schema.Schema{Type: schema.TypeString, Computed: true}
	return &schema.Resource{
		CreateWithoutTimeout: createFlow, ReadWithoutTimeout: readFlow, UpdateWithoutTimeout: updateFlow, DeleteWithoutTimeout: deleteFlow,
		Importer: &schema.ResourceImporter{StateContext: func(_ context.Context, d *schema.ResourceData, _ any) ([]*schema.ResourceData, error) {
			return []*schema.ResourceData{d}, d.Set("name", d.Id())
		}},
		Schema: s,
	}
}

// values are all arguments of a resource.
func values(d *schema.ResourceData, shapes []shape) map[string]any {
	m := map[string]any{}
	for _, s := range shapes {
		m[s.name] = d.Get(s.name)
	}
	return m
}

// fill makes the client's input of an API object. The client's fields have the members' names, and times as text.
func fill(m map[string]any, in any) error {
	body, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return json.Unmarshal(body, in)
}

// spread is fill, the other way. Enumerations that are not set become empty texts, as the provider has them.
func spread(out any) (map[string]any, error) {
	body, err := json.Marshal(out)
	if err != nil {
		return nil, err
	}
	var m map[string]any
	return m, json.Unmarshal(body, &m)
}

func createFlow(ctx context.Context, d *schema.ResourceData, meta any) diag.Diagnostics {
	in := &appflow.CreateFlowInput{}
	if err := fill(expand(flowShapes, values(d, flowShapes)), in); err != nil {
		return diag.FromErr(err)
	}
	out, err := meta.(*appflow.Client).CreateFlow(ctx, in)
	if err != nil {
		return diag.Errorf("creating AppFlow Flow (%s): %s", d.Get("name"), err)
	}
	d.SetId(*out.FlowArn)
	return readFlow(ctx, d, meta)
}

func readFlow(ctx context.Context, d *schema.ResourceData, meta any) diag.Diagnostics {
	var out *appflow.DescribeFlowOutput
	for range 2 { // the provider reads twice
		var err error
		out, err = findFlow(ctx, meta, d.Get("name").(string))
		if err != nil {
			return diag.FromErr(err)
		}
		if out == nil {
			if d.IsNewResource() {
				return diag.Errorf("reading AppFlow Flow (%s): not found", d.Get("name"))
			}
			d.SetId("")
			return nil
		}
	}
	if i := slices.IndexFunc(out.Tasks, func(t types.Task) bool { return t.TaskType == types.TaskTypeMapAll }); i >= 0 {
		out.Tasks = out.Tasks[i : i+1] // the provider looks at nothing else then
	}
	m, err := spread(out)
	if err != nil {
		return diag.FromErr(err)
	}
	read := flatten(flowShapes, m)
	for _, s := range flowShapes {
		if err := d.Set(s.name, read[s.name]); err != nil {
			return diag.Errorf("setting %s: %s", s.name, err)
		}
	}
	d.SetId(*out.FlowArn)
	return diag.FromErr(errors.Join(d.Set("arn", out.FlowArn), d.Set("flow_status", string(out.FlowStatus))))
}

// findFlow is nil for a flow that is gone, or going.
func findFlow(ctx context.Context, meta any, name string) (*appflow.DescribeFlowOutput, error) {
	out, err := meta.(*appflow.Client).DescribeFlow(ctx, &appflow.DescribeFlowInput{FlowName: &name})
	var missing *types.ResourceNotFoundException
	if errors.As(err, &missing) || err == nil && out.FlowStatus == types.FlowStatusDeleted {
		return nil, nil
	}
	return out, err
}

func updateFlow(ctx context.Context, d *schema.ResourceData, meta any) diag.Diagnostics {
	client := meta.(*appflow.Client)
	if d.HasChangesExcept("tags") {
		in := &appflow.UpdateFlowInput{}
		m := expand(flowShapes, values(d, flowShapes))
		delete(m, "tags")
		delete(m, "kmsArn")
		if err := fill(m, in); err != nil {
			return diag.FromErr(err)
		}
		if _, err := client.UpdateFlow(ctx, in); err != nil {
			return diag.Errorf("updating AppFlow Flow (%s): %s", d.Get("name"), err)
		}
	}
	if d.HasChange("tags") {
		before, after := d.GetChange("tags")
		if err := retag(ctx, client, d.Get("arn").(string), before.(map[string]any), after.(map[string]any)); err != nil {
			return diag.FromErr(err)
		}
	}
	return readFlow(ctx, d, meta)
}

func retag(ctx context.Context, client *appflow.Client, arn string, before, after map[string]any) error {
	var gone []string
	set := map[string]string{}
	for k := range before {
		if _, kept := after[k]; !kept {
			gone = append(gone, k)
		}
	}
	for k, v := range after {
		if before[k] != v {
			set[k] = fmt.Sprint(v)
		}
	}
	if len(gone) > 0 {
		if _, err := client.UntagResource(ctx, &appflow.UntagResourceInput{ResourceArn: &arn, TagKeys: gone}); err != nil {
			return err
		}
	}
	if len(set) == 0 {
		return nil
	}
	_, err := client.TagResource(ctx, &appflow.TagResourceInput{ResourceArn: &arn, Tags: maps.Clone(set)})
	return err
}

func deleteFlow(ctx context.Context, d *schema.ResourceData, meta any) diag.Diagnostics {
	name := d.Get("name").(string)
	_, err := meta.(*appflow.Client).DeleteFlow(ctx, &appflow.DeleteFlowInput{FlowName: &name})
	var missing *types.ResourceNotFoundException
	if errors.As(err, &missing) {
		return nil
	}
	if err != nil {
		return diag.Errorf("deleting AppFlow Flow (%s): %s", name, err)
	}
	wait := retry.StateChangeConf{Target: []string{}, Timeout: 2 * time.Minute, Refresh: func() (any, string, error) {
		out, err := findFlow(ctx, meta, name)
		if out == nil || err != nil {
			return nil, "", err
		}
		return out, string(out.FlowStatus), nil
	}}
	_, err = wait.WaitForStateContext(ctx)
	return diag.FromErr(err)
}
