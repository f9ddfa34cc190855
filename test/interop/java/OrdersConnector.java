import com.amazonaws.appflow.custom.connector.handlers.ConfigurationHandler;
import com.amazonaws.appflow.custom.connector.handlers.MetadataHandler;
import com.amazonaws.appflow.custom.connector.handlers.RecordHandler;
import com.amazonaws.appflow.custom.connector.lambda.handler.BaseLambdaConnectorHandler;
import com.amazonaws.appflow.custom.connector.model.ConnectorContext;
import com.amazonaws.appflow.custom.connector.model.ErrorCode;
import com.amazonaws.appflow.custom.connector.model.ErrorDetails;
import com.amazonaws.appflow.custom.connector.model.ImmutableErrorDetails;
import com.amazonaws.appflow.custom.connector.model.connectorconfiguration.ConnectorModes;
import com.amazonaws.appflow.custom.connector.model.connectorconfiguration.DescribeConnectorConfigurationRequest;
import com.amazonaws.appflow.custom.connector.model.connectorconfiguration.DescribeConnectorConfigurationResponse;
import com.amazonaws.appflow.custom.connector.model.connectorconfiguration.ImmutableDescribeConnectorConfigurationResponse;
import com.amazonaws.appflow.custom.connector.model.connectorconfiguration.auth.ImmutableAuthenticationConfig;
import com.amazonaws.appflow.custom.connector.model.credentials.ImmutableValidateCredentialsResponse;
import com.amazonaws.appflow.custom.connector.model.credentials.ValidateCredentialsRequest;
import com.amazonaws.appflow.custom.connector.model.credentials.ValidateCredentialsResponse;
import com.amazonaws.appflow.custom.connector.model.metadata.DescribeEntityRequest;
import com.amazonaws.appflow.custom.connector.model.metadata.DescribeEntityResponse;
import com.amazonaws.appflow.custom.connector.model.metadata.Entity;
import com.amazonaws.appflow.custom.connector.model.metadata.FieldDataType;
import com.amazonaws.appflow.custom.connector.model.metadata.FieldDefinition;
import com.amazonaws.appflow.custom.connector.model.metadata.ImmutableDescribeEntityResponse;
import com.amazonaws.appflow.custom.connector.model.metadata.ImmutableEntity;
import com.amazonaws.appflow.custom.connector.model.metadata.ImmutableEntityDefinition;
import com.amazonaws.appflow.custom.connector.model.metadata.ImmutableFieldDefinition;
import com.amazonaws.appflow.custom.connector.model.metadata.ImmutableListEntitiesResponse;
import com.amazonaws.appflow.custom.connector.model.metadata.ImmutableReadOperationProperty;
import com.amazonaws.appflow.custom.connector.model.metadata.ImmutableWriteOperationProperty;
import com.amazonaws.appflow.custom.connector.model.metadata.ListEntitiesRequest;
import com.amazonaws.appflow.custom.connector.model.metadata.ListEntitiesResponse;
import com.amazonaws.appflow.custom.connector.model.query.ImmutableQueryDataResponse;
import com.amazonaws.appflow.custom.connector.model.query.QueryDataRequest;
import com.amazonaws.appflow.custom.connector.model.query.QueryDataResponse;
import com.amazonaws.appflow.custom.connector.model.retreive.ImmutableRetrieveDataResponse;
import com.amazonaws.appflow.custom.connector.model.retreive.RetrieveDataRequest;
import com.amazonaws.appflow.custom.connector.model.retreive.RetrieveDataResponse;
import com.amazonaws.appflow.custom.connector.model.settings.ImmutableValidateConnectorRuntimeSettingsResponse;
import com.amazonaws.appflow.custom.connector.model.settings.ValidateConnectorRuntimeSettingsRequest;
import com.amazonaws.appflow.custom.connector.model.settings.ValidateConnectorRuntimeSettingsResponse;
import com.amazonaws.appflow.custom.connector.model.write.ImmutableWriteDataResponse;
import com.amazonaws.appflow.custom.connector.model.write.ImmutableWriteRecordResult;
import com.amazonaws.appflow.custom.connector.model.write.WriteDataRequest;
import com.amazonaws.appflow.custom.connector.model.write.WriteDataResponse;
import com.amazonaws.appflow.custom.connector.model.write.WriteRecordResult;
import com.amazonaws.appflow.custom.connector.util.CredentialsProvider;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * A connector over AWS's SDK for Java: orders that are kept in memory, for whoever has the right key. It finds the key's secret
 * as the SDK does it, with the default client of AWS's SDK, and knows nothing of where it runs.
 */
public class OrdersConnector extends BaseLambdaConnectorHandler {
    private static final Orders ORDERS = new Orders();

    public OrdersConnector() {
        super(ORDERS, ORDERS, ORDERS);
    }

    private static final class Orders implements ConfigurationHandler, MetadataHandler, RecordHandler {
        private static final int PAGE = 2;
        private final ObjectMapper json = new ObjectMapper();
        private final List<Map<String, Object>> orders = new ArrayList<>(
            List.of(Map.of("id", 1, "note", "one"), Map.of("id", 2, "note", "\"zwei\" \\ 日本"), Map.of("id", 3, "note", "three")));

        @Override
        public DescribeConnectorConfigurationResponse describeConnectorConfiguration(DescribeConnectorConfigurationRequest request) {
            return ImmutableDescribeConnectorConfigurationResponse.builder().isSuccess(true).connectorOwner("Test").connectorName("Orders in Java")
                .connectorVersion("1").addConnectorModes(ConnectorModes.SOURCE, ConnectorModes.DESTINATION).addSupportedApiVersions("v1")
                .authenticationConfig(ImmutableAuthenticationConfig.builder().isApiKeyAuthSupported(true).build()).build();
        }

        @Override
        public ValidateConnectorRuntimeSettingsResponse validateConnectorRuntimeSettings(ValidateConnectorRuntimeSettingsRequest request) {
            return ImmutableValidateConnectorRuntimeSettingsResponse.builder().isSuccess(true).build();
        }

        @Override
        public ValidateCredentialsResponse validateCredentials(ValidateCredentialsRequest request) {
            ErrorDetails refused = refusal(request.credentials().secretArn());
            return ImmutableValidateCredentialsResponse.builder().isSuccess(refused == null).errorDetails(refused).build();
        }

        private static ErrorDetails refusal(String secret) {
            String key = CredentialsProvider.getApiKeyCredentials(null, secret).apiKey();
            System.out.println("the key is " + key);
            return key.equals("canary-key") ? null
                : ImmutableErrorDetails.builder().errorCode(ErrorCode.InvalidCredentials).errorMessage("the key is unknown").build();
        }

        private static void log(ConnectorContext context) {
            System.out.println("run of " + context.flowName() + " for " + context.connectorProfileLabel());
        }

        private static Entity entity() {
            return ImmutableEntity.builder().entityIdentifier("Orders").hasNestedEntities(false).build();
        }

        @Override
        public ListEntitiesResponse listEntities(ListEntitiesRequest request) {
            return ImmutableListEntitiesResponse.builder().isSuccess(true).addEntities(entity()).build();
        }

        @Override
        public DescribeEntityResponse describeEntity(DescribeEntityRequest request) {
            if (!request.entityIdentifier().equals("Orders")) {
                return ImmutableDescribeEntityResponse.builder().isSuccess(false)
                    .errorDetails(ImmutableErrorDetails.builder().errorCode(ErrorCode.InvalidArgument).errorMessage("there is no such entity").build()).build();
            }
            return ImmutableDescribeEntityResponse.builder().isSuccess(true).entityDefinition(ImmutableEntityDefinition.builder().entity(entity())
                .addFields(field("id", FieldDataType.Integer), field("note", FieldDataType.String)).build()).build();
        }

        private static FieldDefinition field(String name, FieldDataType type) {
            return ImmutableFieldDefinition.builder().fieldName(name).dataType(type).isPrimaryKey(name.equals("id"))
                .readProperties(ImmutableReadOperationProperty.builder().isRetrievable(true).isQueryable(false).build())
                .writeProperties(ImmutableWriteOperationProperty.builder().isCreatable(true).build()).build();
        }

        @Override
        public QueryDataResponse queryData(QueryDataRequest request) {
            log(request.connectorContext());
            ErrorDetails refused = refusal(request.connectorContext().credentials().secretArn());
            if (refused != null) {
                return ImmutableQueryDataResponse.builder().isSuccess(false).errorDetails(refused).build();
            }
            int from = request.nextToken() == null ? 0 : Integer.parseInt(request.nextToken());
            int to = Math.min(from + PAGE, orders.size());
            return ImmutableQueryDataResponse.builder().isSuccess(true).records(texts(orders.subList(from, to)))
                .nextToken(to < orders.size() ? String.valueOf(to) : null).build();
        }

        @Override
        public RetrieveDataResponse retrieveData(RetrieveDataRequest request) {
            List<Map<String, Object>> found = new ArrayList<>(orders);
            found.removeIf(order -> !request.ids().contains(String.valueOf(order.get(request.idFieldName()))));
            return ImmutableRetrieveDataResponse.builder().isSuccess(true).records(texts(found)).build();
        }

        private List<String> texts(List<Map<String, Object>> records) {
            List<String> texts = new ArrayList<>();
            for (Map<String, Object> record : records) {
                try {
                    texts.add(json.writeValueAsString(record));
                } catch (java.io.IOException e) {
                    throw new java.io.UncheckedIOException(e);
                }
            }
            return texts;
        }

        @Override
        public WriteDataResponse writeData(WriteDataRequest request) {
            log(request.connectorContext());
            List<WriteRecordResult> results = new ArrayList<>();
            for (String record : request.records()) {
                try {
                    orders.add(json.readValue(record, Map.class));
                } catch (java.io.IOException e) {
                    throw new java.io.UncheckedIOException(e);
                }
                results.add(ImmutableWriteRecordResult.builder().isSuccess(true).recordId(String.valueOf(orders.size())).build());
            }
            return ImmutableWriteDataResponse.builder().isSuccess(true).writeRecordResults(results).build();
        }
    }
}
