package flowfile

import "strings"

// block is what a block of Terraform configuration may hold.
type block struct {
	arguments map[string]bool // name → it is required
	blocks    map[string]*block
}

// arguments makes a block of arguments; those with an exclamation mark are required.
func arguments(names string) *block {
	b := &block{arguments: map[string]bool{}, blocks: map[string]*block{}}
	for _, name := range strings.Fields(names) {
		bare, required := strings.CutSuffix(name, "!")
		b.arguments[bare] = required
	}
	return b
}

func (b *block) with(name string, inner *block) *block {
	b.blocks[name] = inner
	return b
}

// each gives several blocks the same content.
func (b *block) each(names string, inner *block) *block {
	for _, name := range strings.Fields(names) {
		b.blocks[name] = inner
	}
	return b
}

var (
	errorHandling = arguments("bucket_name bucket_prefix fail_on_first_destination_error")
	objectOnly    = arguments("object!")

	// terraformFlow is what aws_appflow_flow of the provider hashicorp/aws takes, as of its version 6.25
	// (https://registry.terraform.io/providers/hashicorp/aws/latest/docs/resources/appflow_flow). Its only argument for the
	// parallelism of SAP is misnamed and not sent, so it is not listed.
	terraformFlow = arguments("name! description kms_arn tags").
			with("source_flow_config", arguments("connector_type! connector_profile_name api_version").
				with("incremental_pull_config", arguments("datetime_type_field_name")).
				with("source_connector_properties", terraformSources)).
			with("destination_flow_config", arguments("connector_type! connector_profile_name api_version").
				with("destination_connector_properties", terraformDestinations)).
			with("task", arguments("task_type! source_fields destination_field task_properties").
				with("connector_operator", arguments("amplitude custom_connector datadog dynatrace google_analytics infor_nexus marketo s3 salesforce sapo_data service_now singular slack trendmicro veeva zendesk"))).
			with("trigger_config", arguments("trigger_type!").
				with("trigger_properties", arguments("").
					with("scheduled", arguments("schedule_expression! data_pull_mode first_execution_from schedule_end_time schedule_offset schedule_start_time timezone")))).
			with("metadata_catalog_config", arguments("").
				with("glue_data_catalog", arguments("database_name! role_arn! table_prefix!")))

	terraformSources = arguments("").
				each("amplitude datadog dynatrace google_analytics infor_nexus marketo service_now singular slack trendmicro zendesk", objectOnly).
				with("custom_connector", arguments("entity_name! custom_properties")).
				with("s3", arguments("bucket_name! bucket_prefix!").with("s3_input_format_config", arguments("s3_input_file_type"))).
				with("salesforce", arguments("object! data_transfer_api enable_dynamic_field_update include_deleted_records")).
				with("sapo_data", arguments("object_path!").with("pagination_config", arguments("max_page_size!"))).
				with("veeva", arguments("object! document_type include_all_versions include_renditions include_source_files"))

	terraformDestinations = arguments("").
				with("custom_connector", arguments("entity_name! custom_properties id_field_names write_operation_type").with("error_handling_config", errorHandling)).
				with("customer_profiles", arguments("domain_name! object_type_name")).
				each("event_bridge honeycode marketo", arguments("object!").with("error_handling_config", errorHandling)).
				with("lookout_metrics", arguments("")).
				each("redshift snowflake", arguments("intermediate_bucket_name! object! bucket_prefix").with("error_handling_config", errorHandling)).
				with("s3", arguments("bucket_name! bucket_prefix").
					with("s3_output_format_config", arguments("file_type preserve_source_data_typing").
						with("aggregation_config", arguments("aggregation_type target_file_size")).
						with("prefix_config", arguments("prefix_format prefix_hierarchy prefix_type")))).
				with("salesforce", arguments("object! data_transfer_api id_field_names write_operation_type").with("error_handling_config", errorHandling)).
				with("sapo_data", arguments("object_path! id_field_names write_operation_type").
					with("error_handling_config", errorHandling).with("success_response_handling_config", arguments("bucket_name bucket_prefix"))).
				with("upsolver", arguments("bucket_name! bucket_prefix").
					with("s3_output_format_config", arguments("file_type").
						with("aggregation_config", arguments("aggregation_type")).
						with("prefix_config", arguments("prefix_type! prefix_format prefix_hierarchy")))).
				with("zendesk", arguments("object! id_field_names write_operation_type").with("error_handling_config", errorHandling))

	// terraformProfile is what aws_appflow_connector_profile takes.
	terraformProfile = arguments("name! connector_type! connection_mode! connector_label kms_arn").
				with("connector_profile_config", arguments("").
					with("connector_profile_credentials", terraformCredentials).
					with("connector_profile_properties", terraformProperties))

	oauthRequest = arguments("auth_code redirect_uri")

	terraformCredentials = arguments("").
				with("amplitude", arguments("api_key! secret_key!")).
				with("custom_connector", arguments("authentication_type!").
					with("api_key", arguments("api_key! api_secret_key")).
					with("basic", arguments("username! password!")).
					with("custom", arguments("custom_authentication_type! credentials_map")).
					with("oauth2", arguments("access_token client_id client_secret refresh_token").with("oauth_request", oauthRequest))).
				with("datadog", arguments("api_key! application_key!")).
				with("dynatrace", arguments("api_token!")).
				with("google_analytics", arguments("client_id! client_secret! access_token refresh_token").with("oauth_request", oauthRequest)).
				with("honeycode", arguments("access_token refresh_token").with("oauth_request", oauthRequest)).
				with("infor_nexus", arguments("access_key_id! datakey! secret_access_key! user_id!")).
				each("marketo slack zendesk", arguments("client_id! client_secret! access_token").with("oauth_request", oauthRequest)).
				each("redshift service_now snowflake veeva", arguments("username! password!")).
				with("salesforce", arguments("access_token client_credentials_arn jwt_token oauth2_grant_type refresh_token").with("oauth_request", oauthRequest)).
				with("sapo_data", arguments("").
					with("basic_auth_credentials", arguments("username! password!")).
					with("oauth_credentials", arguments("client_id! client_secret! access_token refresh_token").with("oauth_request", oauthRequest))).
				with("singular", arguments("api_key!")).
				with("trendmicro", arguments("api_secret_key!"))

	terraformProperties = arguments("").
				each("amplitude google_analytics honeycode singular trendmicro", arguments("")).
				each("datadog dynatrace infor_nexus marketo service_now slack veeva zendesk", arguments("instance_url!")).
				with("custom_connector", arguments("profile_properties").
					with("oauth2_properties", arguments("oauth2_grant_type! token_url! token_url_custom_properties"))).
				with("redshift", arguments("bucket_name! role_arn! bucket_prefix cluster_identifier data_api_role_arn database_name database_url")).
				with("salesforce", arguments("instance_url is_sandbox_environment use_privatelink_for_metadata_and_authorization")).
				with("sapo_data", arguments("application_host_url! application_service_path! client_number! port_number! logon_language private_link_service_name").
					with("oauth_properties", arguments("auth_code_url! oauth_scopes! token_url!"))).
				with("snowflake", arguments("bucket_name! stage! warehouse! account_name bucket_prefix private_link_service_name region"))
)
