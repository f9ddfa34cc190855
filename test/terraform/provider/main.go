// Command provider stands in for the parts of hashicorp/aws that know AppFlow, because the real provider is not to be had
// as a Go module of its current versions. Terraform's core, its plugin kit and AWS's client for Go are the real ones; what
// is written here is the table between them: which arguments there are, which are sets, lists, computed or required, how
// they become a request, what is read back, and which calls happen in which order. It follows the behaviour of the
// provider's version 6.25, quirks included, and contains none of its code.
package main

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/appflow"
	"github.com/hashicorp/terraform-plugin-sdk/v2/diag"
	"github.com/hashicorp/terraform-plugin-sdk/v2/helper/schema"
	"github.com/hashicorp/terraform-plugin-sdk/v2/plugin"
)

func main() {
	plugin.Serve(&plugin.ServeOpts{ProviderAddr: "registry.terraform.io/hashicorp/aws", ProviderFunc: provider})
}

// provider signs in as every AWS tool does: region, keys and AWS_ENDPOINT_URL_APPFLOW come from the environment.
func provider() *schema.Provider {
	return &schema.Provider{
		ResourcesMap: map[string]*schema.Resource{"aws_appflow_flow": flowResource(), "aws_appflow_connector_profile": profileResource()},
		ConfigureContextFunc: func(ctx context.Context, _ *schema.ResourceData) (any, diag.Diagnostics) {
			cfg, err := config.LoadDefaultConfig(ctx)
			return appflow.NewFromConfig(cfg), diag.FromErr(err)
		},
	}
}
