package main

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/appflow"
	"github.com/hashicorp/terraform-plugin-sdk/v2/diag"
	"github.com/hashicorp/terraform-plugin-sdk/v2/helper/schema"
)

var (
	instanceURL  = must(text("instance_url", "instanceUrl"))
	oauthRequest = block("oauth_request", "oAuthRequest", text("auth_code", "authCode"), text("redirect_uri", "redirectUri"))
	clientID     = must(text("client_id", "clientId"))
	clientSecret = must(hidden(text("client_secret", "clientSecret")))
	accessToken  = hidden(text("access_token", "accessToken"))
	refreshToken = text("refresh_token", "refreshToken")
	username     = must(text("username", "username"))
	password     = must(hidden(text("password", "password")))

	credentials = []shape{
		block("amplitude", "Amplitude", must(hidden(text("api_key", "apiKey"))), must(hidden(text("secret_key", "secretKey")))),
		block("custom_connector", "CustomConnector", must(text("authentication_type", "authenticationType")),
			block("api_key", "apiKey", must(text("api_key", "apiKey")), text("api_secret_key", "apiSecretKey")),
			block("basic", "basic", username, password),
			block("custom", "custom", must(text("custom_authentication_type", "customAuthenticationType")), hidden(table("credentials_map", "credentialsMap"))),
			block("oauth2", "oauth2", accessToken, text("client_id", "clientId"), hidden(text("client_secret", "clientSecret")), refreshToken, oauthRequest)),
		block("datadog", "Datadog", must(hidden(text("api_key", "apiKey"))), must(hidden(text("application_key", "applicationKey")))),
		block("dynatrace", "Dynatrace", must(hidden(text("api_token", "apiToken")))),
		block("google_analytics", "GoogleAnalytics", clientID, clientSecret, accessToken, refreshToken, oauthRequest),
		block("infor_nexus", "InforNexus", must(text("access_key_id", "accessKeyId")), must(text("datakey", "datakey")), must(hidden(text("secret_access_key", "secretAccessKey"))), must(text("user_id", "userId"))),
		block("marketo", "Marketo", clientID, clientSecret, accessToken, oauthRequest),
		block("redshift", "Redshift", username, password),
		block("salesforce", "Salesforce", accessToken, text("client_credentials_arn", "clientCredentialsArn"), text("jwt_token", "jwtToken"), text("oauth2_grant_type", "oAuth2GrantType"), refreshToken, oauthRequest),
		block("sapo_data", "SAPOData", block("basic_auth_credentials", "basicAuthCredentials", username, password),
			block("oauth_credentials", "oAuthCredentials", clientID, clientSecret, accessToken, refreshToken, oauthRequest)),
		block("service_now", "ServiceNow", username, password),
		block("singular", "Singular", must(text("api_key", "apiKey"))),
		block("slack", "Slack", clientID, clientSecret, accessToken, oauthRequest),
		block("snowflake", "Snowflake", username, password),
		block("trendmicro", "Trendmicro", must(hidden(text("api_secret_key", "apiSecretKey")))),
		block("veeva", "Veeva", username, password),
		block("zendesk", "Zendesk", clientID, clientSecret, accessToken, oauthRequest),
	}

	properties = func() []shape {
		all := []shape{
			block("custom_connector", "CustomConnector", table("profile_properties", "profileProperties"),
				block("oauth2_properties", "oAuth2Properties", must(text("oauth2_grant_type", "oAuth2GrantType")), must(text("token_url", "tokenUrl")), table("token_url_custom_properties", "tokenUrlCustomProperties"))),
			block("redshift", "Redshift", must(text("bucket_name", "bucketName")), must(text("role_arn", "roleArn")), text("bucket_prefix", "bucketPrefix"),
				text("cluster_identifier", "clusterIdentifier"), text("data_api_role_arn", "dataApiRoleArn"), text("database_name", "databaseName"), text("database_url", "databaseUrl")),
			block("salesforce", "Salesforce", text("instance_url", "instanceUrl"), flag("is_sandbox_environment", "isSandboxEnvironment"),
				flag("use_privatelink_for_metadata_and_authorization", "usePrivateLinkForMetadataAndAuthorization")),
			block("sapo_data", "SAPOData", must(text("application_host_url", "applicationHostUrl")), must(text("application_service_path", "applicationServicePath")), must(text("client_number", "clientNumber")),
				must(count("port_number", "portNumber")), text("logon_language", "logonLanguage"), text("private_link_service_name", "privateLinkServiceName"),
				block("oauth_properties", "oAuthProperties", must(text("auth_code_url", "authCodeUrl")), must(list("oauth_scopes", "oAuthScopes")), must(text("token_url", "tokenUrl")))),
			block("snowflake", "Snowflake", must(text("bucket_name", "bucketName")), stage(), must(text("warehouse", "warehouse")), text("account_name", "accountName"),
				text("bucket_prefix", "bucketPrefix"), text("private_link_service_name", "privateLinkServiceName"), text("region", "region")),
		}
		for name, member := range map[string]string{"amplitude": "Amplitude", "google_analytics": "GoogleAnalytics", "honeycode": "Honeycode", "singular": "Singular", "trendmicro": "Trendmicro"} {
			all = append(all, shape{name: name, member: member, kind: schema.TypeList, block: []shape{}})
		}
		for name, member := range map[string]string{"datadog": "Datadog", "dynatrace": "Dynatrace", "infor_nexus": "InforNexus", "marketo": "Marketo", "service_now": "ServiceNow", "slack": "Slack", "veeva": "Veeva", "zendesk": "Zendesk"} {
			all = append(all, block(name, member, instanceURL))
		}
		return all
	}()

	profileShapes = []shape{
		must(replacing(text("name", "connectorProfileName"))), must(text("connection_mode", "connectionMode")), must(replacing(text("connector_type", "connectorType"))),
		replacing(text("connector_label", "connectorLabel")), replacing(learned(text("kms_arn", "kmsArn"))),
		must(block("connector_profile_config", "connectorProfileConfig",
			must(block("connector_profile_credentials", "connectorProfileCredentials", credentials...)),
			must(block("connector_profile_properties", "connectorProfileProperties", properties...)))),
	}
)

// stage is Snowflake's, which AppFlow answers with an @ in front.
func stage() shape {
	s := must(text("stage", "stage"))
	s.suppress = func(_, before, after string, _ *schema.ResourceData) bool {
		return before == after || before == "@"+after
	}
	return s
}

func profileResource() *schema.Resource {
	s := schemaOf(profileShapes)
	for _, name := range []string{"arn", "credentials_arn"} {
		s[name] = &schema.Schema{Type: schema.TypeString, Computed: true}
	}
	return &schema.Resource{
		CreateWithoutTimeout: createProfile, ReadWithoutTimeout: readProfile, UpdateWithoutTimeout: updateProfile, DeleteWithoutTimeout: deleteProfile, Schema: s,
	}
}

func createProfile(ctx context.Context, d *schema.ResourceData, meta any) diag.Diagnostics {
	in := &appflow.CreateConnectorProfileInput{}
	if err := fill(expand(profileShapes, values(d, profileShapes)), in); err != nil {
		return diag.FromErr(err)
	}
	if _, err := meta.(*appflow.Client).CreateConnectorProfile(ctx, in); err != nil {
		return diag.Errorf("creating AppFlow Connector Profile: %s", err)
	}
	d.SetId(d.Get("name").(string))
	return readProfile(ctx, d, meta)
}

// readProfile keeps the credentials of the configuration, as no operation tells them.
func readProfile(ctx context.Context, d *schema.ResourceData, meta any) diag.Diagnostics {
	out, err := meta.(*appflow.Client).DescribeConnectorProfiles(ctx, &appflow.DescribeConnectorProfilesInput{ConnectorProfileNames: []string{d.Get("name").(string)}})
	if err != nil {
		return diag.FromErr(err)
	}
	if len(out.ConnectorProfileDetails) == 0 {
		d.SetId("")
		return nil
	}
	m, err := spread(out.ConnectorProfileDetails[0])
	if err != nil {
		return diag.FromErr(err)
	}
	props, _ := m["ConnectorProfileProperties"].(map[string]any)
	cfg := []any{map[string]any{
		"connector_profile_credentials": d.Get("connector_profile_config.0.connector_profile_credentials"),
		"connector_profile_properties":  []any{flatten(properties, props)},
	}}
	for name, v := range map[string]any{
		"connection_mode": m["ConnectionMode"], "connector_label": m["ConnectorLabel"], "connector_type": m["ConnectorType"], "arn": m["ConnectorProfileArn"],
		"credentials_arn": m["CredentialsArn"], "connector_profile_config": cfg,
	} {
		if err := d.Set(name, v); err != nil {
			return diag.Errorf("setting %s: %s", name, err)
		}
	}
	return nil
}

func updateProfile(ctx context.Context, d *schema.ResourceData, meta any) diag.Diagnostics {
	m := expand(profileShapes, values(d, profileShapes))
	for _, fixed := range []string{"connectorType", "connectorLabel", "kmsArn"} {
		delete(m, fixed)
	}
	in := &appflow.UpdateConnectorProfileInput{}
	if err := fill(m, in); err != nil {
		return diag.FromErr(err)
	}
	if _, err := meta.(*appflow.Client).UpdateConnectorProfile(ctx, in); err != nil {
		return diag.Errorf("updating AppFlow Connector Profile (%s): %s", d.Id(), err)
	}
	return readProfile(ctx, d, meta)
}

func deleteProfile(ctx context.Context, d *schema.ResourceData, meta any) diag.Diagnostics {
	name := d.Id()
	_, err := meta.(*appflow.Client).DeleteConnectorProfile(ctx, &appflow.DeleteConnectorProfileInput{ConnectorProfileName: &name})
	return diag.FromErr(err)
}
