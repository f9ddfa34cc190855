variable "crm_access_token" {
  type      = string
  sensitive = true
}

variable "crm_refresh_token" {
  type      = string
  sensitive = true
}

resource "aws_appflow_connector_profile" "crm" {
  name            = "crm"
  connector_type  = "Salesforce"
  connection_mode = "Public"

  connector_profile_config {
    connector_profile_properties {
      salesforce {
        is_sandbox_environment                         = true
        use_privatelink_for_metadata_and_authorization = false
      }
    }

    connector_profile_credentials {
      salesforce {
        access_token  = var.crm_access_token
        refresh_token = var.crm_refresh_token
      }
    }
  }
}

resource "aws_appflow_flow" "_2_crm" {
  name        = "2-crm"
  description = "every hour"
  tags = {
    "cost:center" = "7"
    team          = "data"
  }

  trigger_config {
    trigger_type = "Scheduled"

    trigger_properties {
      scheduled {
        schedule_expression = "rate(1hours)"
        schedule_start_time = "2026-01-31T08:00:00Z"
      }
    }
  }

  source_flow_config {
    connector_profile_name = aws_appflow_connector_profile.crm.name
    connector_type         = "Salesforce"

    source_connector_properties {
      salesforce {
        object                      = "Account"
        enable_dynamic_field_update = true
      }
    }
  }

  destination_flow_config {
    connector_type = "S3"

    destination_connector_properties {
      s3 {
        bucket_name = "lake"

        s3_output_format_config {
          file_type = "PARQUET"

          prefix_config {
            prefix_hierarchy = ["EXECUTION_ID"]
            prefix_type      = "PATH"
          }
        }
      }
    }
  }

  task {
    task_type       = "Filter"
    source_fields   = ["Id"]
    task_properties = {}

    connector_operator {
      salesforce = "PROJECTION"
    }
  }

  task {
    task_type         = "Map"
    source_fields     = ["Id"]
    destination_field = "id"
    task_properties = {
      CONCAT_FORMAT    = "$${Id} \"x\""
      SOURCE_DATA_TYPE = "id"
    }

    connector_operator {
      salesforce = "NO_OP"
    }
  }

  task {
    task_type = "Map_all"

    connector_operator {
    }
  }
}
