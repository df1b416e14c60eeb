/*
 * Test-only plugin that puts a REST face on Elastic classes that are already in a
 * stripped Elasticsearch node, for the APIs whose own modules are missing there.
 *
 * What is Elastic's own: every parser and validator used below (LifecyclePolicy, Job,
 * DatafeedConfig, DatafeedJobValidator, the license check), data stream creation and
 * deletion, the cluster state. What is NOT: nothing here *runs* anything. ILM policies
 * are stored and never executed, ML jobs are validated and kept in memory, never opened.
 *
 * Every answer of this plugin carries the response header "X-Stand-In", so a test can
 * tell it from an answer of an original module.
 */
package standin;

import org.elasticsearch.ResourceAlreadyExistsException;
import org.elasticsearch.ResourceNotFoundException;
import org.elasticsearch.action.ActionListener;
import org.elasticsearch.action.ActionRequestValidationException;
import org.elasticsearch.action.admin.indices.create.AutoCreateAction;
import org.elasticsearch.action.admin.indices.create.CreateIndexRequest;
import org.elasticsearch.action.search.SearchRequest;
import org.elasticsearch.action.support.IndicesOptions;
import org.elasticsearch.client.internal.node.NodeClient;
import org.elasticsearch.cluster.ClusterState;
import org.elasticsearch.cluster.ClusterStateUpdateTask;
import org.elasticsearch.cluster.health.ClusterStateHealth;
import org.elasticsearch.cluster.metadata.ComposableIndexTemplate;
import org.elasticsearch.cluster.metadata.DataStream;
import org.elasticsearch.cluster.metadata.IndexMetadata;
import org.elasticsearch.cluster.metadata.IndexNameExpressionResolver;
import org.elasticsearch.cluster.metadata.Metadata;
import org.elasticsearch.cluster.metadata.MetadataCreateDataStreamService;
import org.elasticsearch.cluster.metadata.MetadataDataStreamsService;
import org.elasticsearch.cluster.metadata.MetadataIndexTemplateService;
import org.elasticsearch.cluster.node.DiscoveryNodes;
import org.elasticsearch.cluster.service.ClusterService;
import org.elasticsearch.common.Strings;
import org.elasticsearch.common.io.stream.NamedWriteableRegistry;
import org.elasticsearch.common.regex.Regex;
import org.elasticsearch.common.settings.ClusterSettings;
import org.elasticsearch.common.settings.IndexScopedSettings;
import org.elasticsearch.common.settings.Setting;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.common.settings.SettingsFilter;
import org.elasticsearch.core.CheckedFunction;
import org.elasticsearch.core.TimeValue;
import org.elasticsearch.features.NodeFeature;
import org.elasticsearch.index.Index;
import org.elasticsearch.index.IndexNotFoundException;
import org.elasticsearch.index.mapper.KeywordFieldMapper;
import org.elasticsearch.index.mapper.Mapper;
import org.elasticsearch.index.mapper.MapperParsingException;
import org.elasticsearch.index.mapper.NumberFieldMapper;
import org.elasticsearch.index.mapper.TextFieldMapper;
import org.elasticsearch.license.LicenseUtils;
import org.elasticsearch.plugins.ActionPlugin;
import org.elasticsearch.plugins.MapperPlugin;
import org.elasticsearch.plugins.Plugin;
import org.elasticsearch.rest.BaseRestHandler;
import org.elasticsearch.rest.RestChannel;
import org.elasticsearch.rest.RestController;
import org.elasticsearch.rest.RestHandler;
import org.elasticsearch.rest.RestRequest;
import org.elasticsearch.rest.RestResponse;
import org.elasticsearch.rest.RestStatus;
import org.elasticsearch.xcontent.NamedXContentRegistry;
import org.elasticsearch.xcontent.ParseField;
import org.elasticsearch.xcontent.ToXContent;
import org.elasticsearch.xcontent.XContentBuilder;
import org.elasticsearch.xcontent.XContentParser;
import org.elasticsearch.xpack.core.XPackPlugin;
import org.elasticsearch.xpack.core.ilm.AllocateAction;
import org.elasticsearch.xpack.core.ilm.DeleteAction;
import org.elasticsearch.xpack.core.ilm.DownsampleAction;
import org.elasticsearch.xpack.core.ilm.ForceMergeAction;
import org.elasticsearch.xpack.core.ilm.FreezeAction;
import org.elasticsearch.xpack.core.ilm.IndexLifecycleMetadata;
import org.elasticsearch.xpack.core.ilm.LifecycleAction;
import org.elasticsearch.xpack.core.ilm.LifecyclePolicy;
import org.elasticsearch.xpack.core.ilm.LifecyclePolicyMetadata;
import org.elasticsearch.xpack.core.ilm.LifecycleSettings;
import org.elasticsearch.xpack.core.ilm.LifecycleType;
import org.elasticsearch.xpack.core.ilm.MigrateAction;
import org.elasticsearch.xpack.core.ilm.OperationMode;
import org.elasticsearch.xpack.core.ilm.ReadOnlyAction;
import org.elasticsearch.xpack.core.ilm.RolloverAction;
import org.elasticsearch.xpack.core.ilm.SearchableSnapshotAction;
import org.elasticsearch.xpack.core.ilm.SetPriorityAction;
import org.elasticsearch.xpack.core.ilm.ShrinkAction;
import org.elasticsearch.xpack.core.ilm.TimeseriesLifecycleType;
import org.elasticsearch.xpack.core.ilm.UnfollowAction;
import org.elasticsearch.xpack.core.ilm.WaitForSnapshotAction;
import org.elasticsearch.xpack.core.ilm.action.PutLifecycleRequest;
import org.elasticsearch.xpack.core.ml.MachineLearningField;
import org.elasticsearch.xpack.core.ml.action.PutDatafeedAction;
import org.elasticsearch.xpack.core.ml.action.PutJobAction;
import org.elasticsearch.xpack.core.ml.action.ValidateJobConfigAction;
import org.elasticsearch.xpack.core.ml.datafeed.DatafeedConfig;
import org.elasticsearch.xpack.core.ml.datafeed.DatafeedJobValidator;
import org.elasticsearch.xpack.core.ml.job.config.Job;
import org.elasticsearch.xpack.core.ml.utils.ExceptionsHelper;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Date;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.function.Predicate;
import java.util.function.Supplier;

public class StandInPlugin extends Plugin implements ActionPlugin, MapperPlugin {

    private final Settings nodeSettings;
    private final Map<String, Job> jobs = new ConcurrentSkipListMap<>();
    private final Map<String, DatafeedConfig> feeds = new ConcurrentSkipListMap<>();
    private ClusterService cluster;
    private NamedXContentRegistry registry;

    public StandInPlugin(Settings settings) {
        this.nodeSettings = settings;
    }

    @Override
    public Collection<?> createComponents(PluginServices services) {
        cluster = services.clusterService();
        registry = services.xContentRegistry();
        return List.of();
    }

    // ---------------------------------------------------------------- settings and parsers

    @Override
    public List<Setting<?>> getSettings() {
        return List.of(
            LifecycleSettings.LIFECYCLE_NAME_SETTING,
            LifecycleSettings.LIFECYCLE_INDEXING_COMPLETE_SETTING,
            LifecycleSettings.LIFECYCLE_SKIP_SETTING,
            LifecycleSettings.LIFECYCLE_STEP_WAIT_TIME_THRESHOLD_SETTING,
            LifecycleSettings.LIFECYCLE_POLL_INTERVAL_SETTING,
            LifecycleSettings.LIFECYCLE_HISTORY_INDEX_ENABLED_SETTING,
            LifecycleSettings.LIFECYCLE_ROLLOVER_ONLY_IF_HAS_DOCUMENTS_SETTING,
            RolloverAction.LIFECYCLE_ROLLOVER_ALIAS_SETTING
        );
    }

    @Override
    public List<NamedXContentRegistry.Entry> getNamedXContent() {
        List<NamedXContentRegistry.Entry> all = new ArrayList<>();
        all.add(
            new NamedXContentRegistry.Entry(
                Metadata.Custom.class,
                new ParseField(IndexLifecycleMetadata.TYPE),
                p -> IndexLifecycleMetadata.PARSER.parse(p, null)
            )
        );
        all.add(
            new NamedXContentRegistry.Entry(
                LifecycleType.class,
                new ParseField(TimeseriesLifecycleType.TYPE),
                (p, c) -> TimeseriesLifecycleType.INSTANCE
            )
        );
        action(all, AllocateAction.NAME, AllocateAction::parse);
        action(all, DeleteAction.NAME, DeleteAction::parse);
        action(all, DownsampleAction.NAME, DownsampleAction::parse);
        action(all, ForceMergeAction.NAME, ForceMergeAction::parse);
        action(all, FreezeAction.NAME, FreezeAction::parse);
        action(all, MigrateAction.NAME, MigrateAction::parse);
        action(all, ReadOnlyAction.NAME, ReadOnlyAction::parse);
        action(all, RolloverAction.NAME, RolloverAction::parse);
        action(all, SearchableSnapshotAction.NAME, SearchableSnapshotAction::parse);
        action(all, SetPriorityAction.NAME, SetPriorityAction::parse);
        action(all, ShrinkAction.NAME, ShrinkAction::parse);
        action(all, UnfollowAction.NAME, UnfollowAction::parse);
        action(all, WaitForSnapshotAction.NAME, WaitForSnapshotAction::parse);
        return all;
    }

    private static void action(List<NamedXContentRegistry.Entry> to, String name, CheckedFunction<XContentParser, LifecycleAction, IOException> parse) {
        to.add(new NamedXContentRegistry.Entry(LifecycleAction.class, new ParseField(name), parse));
    }

    // ---------------------------------------------------------------- field types

    /** The field types of missing mapper modules, each as its nearest type of the core. */
    @Override
    public Map<String, Mapper.TypeParser> getMappers() {
        Map<String, Mapper.TypeParser> types = new LinkedHashMap<>();
        types.put("constant_keyword", as(KeywordFieldMapper.PARSER, List.of("value")));
        types.put("wildcard", as(KeywordFieldMapper.PARSER, List.of()));
        types.put("version", as(KeywordFieldMapper.PARSER, List.of()));
        types.put("match_only_text", as(TextFieldMapper.PARSER, List.of()));
        types.put("unsigned_long", as(NumberFieldMapper.NumberType.LONG.parser(), List.of()));
        Mapper.TypeParser real = as(NumberFieldMapper.NumberType.DOUBLE.parser(), List.of("scaling_factor"));
        types.put("scaled_float", (name, node, ctx) -> {
            if (node.containsKey("scaling_factor") == false) {
                throw new MapperParsingException("Field [scaling_factor] is required (field [" + name + "])");
            }
            return real.parse(name, node, ctx);
        });
        return types;
    }

    private static Mapper.TypeParser as(Mapper.TypeParser core, List<String> dropped) {
        return (name, node, ctx) -> {
            node.keySet().removeAll(dropped);
            return core.parse(name, node, ctx);
        };
    }

    // ---------------------------------------------------------------- REST

    @Override
    public Collection<RestHandler> getRestHandlers(
        Settings settings,
        NamedWriteableRegistry namedWriteables,
        RestController controller,
        ClusterSettings clusterSettings,
        IndexScopedSettings indexSettings,
        SettingsFilter filter,
        IndexNameExpressionResolver resolver,
        Supplier<DiscoveryNodes> nodes,
        Predicate<NodeFeature> features
    ) {
        List<RestHandler> all = new ArrayList<>();
        all.add(new Endpoint("data_stream", this::putDataStream, "PUT /_data_stream/{name}"));
        all.add(new Endpoint("data_stream", this::getDataStreams, "GET /_data_stream", "GET /_data_stream/{name}"));
        all.add(new Endpoint("data_stream", this::deleteDataStreams, "DELETE /_data_stream/{name}"));
        all.add(new Endpoint("ilm", this::putPolicy, "PUT /_ilm/policy/{name}"));
        all.add(new Endpoint("ilm", this::getPolicies, "GET /_ilm/policy", "GET /_ilm/policy/{name}"));
        all.add(new Endpoint("ilm", this::deletePolicy, "DELETE /_ilm/policy/{name}"));
        all.add(new Endpoint("ml", this::putJob, "PUT /_ml/anomaly_detectors/{job_id}"));
        all.add(new Endpoint("ml", this::getJobs, "GET /_ml/anomaly_detectors", "GET /_ml/anomaly_detectors/{job_id}"));
        all.add(new Endpoint("ml", this::deleteJob, "DELETE /_ml/anomaly_detectors/{job_id}"));
        all.add(new Endpoint("ml", this::validateJob, "POST /_ml/anomaly_detectors/_validate"));
        all.add(new Endpoint("ml", this::putFeed, "PUT /_ml/datafeeds/{datafeed_id}"));
        all.add(new Endpoint("ml", this::getFeeds, "GET /_ml/datafeeds", "GET /_ml/datafeeds/{datafeed_id}"));
        all.add(new Endpoint("ml", this::deleteFeed, "DELETE /_ml/datafeeds/{datafeed_id}"));
        return all;
    }

    // ---------------------------------------------------------------- data streams

    private void putDataStream(RestRequest request, NodeClient client, Reply out) {
        String name = request.param("name");
        Metadata metadata = cluster.state().metadata();
        MetadataCreateDataStreamService.lookupTemplateForDataStream(name, metadata);
        if (metadata.dataStreams().containsKey(name)) {
            throw new ResourceAlreadyExistsException("data_stream [{}] already exists", name);
        }
        client.execute(AutoCreateAction.INSTANCE, new CreateIndexRequest(name), out.acknowledged());
    }

    private List<DataStream> matching(ClusterState state, String expression) {
        Map<String, DataStream> found = new TreeMap<>();
        for (String part : Strings.splitStringByCommaToArray(expression)) {
            boolean pattern = "_all".equals(part) || Regex.isSimpleMatchPattern(part);
            int before = found.size();
            state.metadata().dataStreams().forEach((name, ds) -> {
                if ("_all".equals(part) || Regex.simpleMatch(part, name)) {
                    found.put(name, ds);
                }
            });
            if (pattern == false && found.size() == before && found.containsKey(part) == false) {
                throw new IndexNotFoundException(part);
            }
        }
        return List.copyOf(found.values());
    }

    private void getDataStreams(RestRequest request, NodeClient client, Reply out) {
        ClusterState state = cluster.state();
        Metadata metadata = state.metadata();
        request.param("expand_wildcards");
        List<DataStream> streams = matching(state, request.param("name", "*"));
        out.json(b -> {
            b.startObject().startArray("data_streams");
            for (DataStream ds : streams) {
                String template = MetadataIndexTemplateService.findV2Template(metadata, ds.getName(), false);
                Settings wanted = template == null ? Settings.EMPTY : MetadataIndexTemplateService.resolveSettings(metadata, template);
                String policy = wanted.get(LifecycleSettings.LIFECYCLE_NAME);
                String[] names = ds.getIndices().stream().map(Index::getName).toArray(String[]::new);
                b.startObject();
                b.field("name", ds.getName());
                b.startObject("timestamp_field").field("name", DataStream.TIMESTAMP_FIELD_NAME).endObject();
                b.startArray("indices");
                for (Index index : ds.getIndices()) {
                    String own = metadata.index(index).getSettings().get(LifecycleSettings.LIFECYCLE_NAME);
                    b.startObject().field("index_name", index.getName()).field("index_uuid", index.getUUID());
                    b.field("prefer_ilm", true);
                    if (own != null) {
                        b.field("ilm_policy", own);
                    }
                    b.field("managed_by", own == null ? "Unmanaged" : "Index Lifecycle Management").endObject();
                }
                b.endArray();
                b.field("generation", ds.getGeneration());
                if (ds.getMetadata() != null) {
                    b.field("_meta", ds.getMetadata());
                }
                b.field("status", new ClusterStateHealth(state, names).getStatus().name());
                if (template != null) {
                    b.field("template", template);
                }
                if (policy != null) {
                    b.field("ilm_policy", policy);
                }
                b.field("next_generation_managed_by", policy == null ? "Unmanaged" : "Index Lifecycle Management");
                b.field("prefer_ilm", true);
                b.field("hidden", ds.isHidden()).field("system", ds.isSystem());
                b.field("allow_custom_routing", ds.isAllowCustomRouting()).field("replicated", ds.isReplicated());
                b.field("rollover_on_write", ds.rolloverOnWrite());
                b.endObject();
            }
            return b.endArray().endObject();
        });
    }

    private void deleteDataStreams(RestRequest request, NodeClient client, Reply out) {
        request.param("expand_wildcards");
        String expression = request.param("name");
        matching(cluster.state(), expression);
        update("delete data stream " + expression, out, state -> {
            Set<DataStream> gone = new HashSet<>(matching(state, expression));
            return gone.isEmpty() ? state : MetadataDataStreamsService.deleteDataStreams(state, gone, nodeSettings);
        });
    }

    // ---------------------------------------------------------------- index lifecycle policies

    private static IndexLifecycleMetadata policies(ClusterState state) {
        return state.metadata().custom(IndexLifecycleMetadata.TYPE, IndexLifecycleMetadata.EMPTY);
    }

    private void putPolicy(RestRequest request, NodeClient client, Reply out) throws IOException {
        String name = request.param("name");
        PutLifecycleRequest put;
        try (XContentParser parser = request.contentParser()) {
            put = PutLifecycleRequest.parseRequest(new PutLifecycleRequest.Factory() {
                @Override
                public PutLifecycleRequest create(LifecyclePolicy policy) {
                    return new PutLifecycleRequest(
                        TimeValue.timeValueSeconds(30),
                        TimeValue.timeValueSeconds(30),
                        policy
                    );
                }

                @Override
                public String getPolicyName() {
                    return name;
                }
            }, parser);
        }
        ActionRequestValidationException invalid = put.validate();
        if (invalid != null) {
            throw invalid;
        }
        LifecyclePolicy.validatePolicyName(name);
        update("put ilm policy " + name, out, state -> {
            Map<String, LifecyclePolicyMetadata> next = new TreeMap<>(policies(state).getPolicyMetadatas());
            LifecyclePolicyMetadata old = next.get(name);
            long version = old == null ? 1 : old.getVersion() + 1;
            if (old != null && old.getPolicy().equals(put.getPolicy())) {
                return state;
            }
            next.put(name, new LifecyclePolicyMetadata(put.getPolicy(), Map.of(), version, System.currentTimeMillis()));
            return withPolicies(state, next);
        });
    }

    private static ClusterState withPolicies(ClusterState state, Map<String, LifecyclePolicyMetadata> next) {
        return ClusterState.builder(state)
            .metadata(
                Metadata.builder(state.metadata())
                    .putCustom(IndexLifecycleMetadata.TYPE, new IndexLifecycleMetadata(next, OperationMode.RUNNING))
            )
            .build();
    }

    private static List<String> indicesUsing(Metadata metadata, String policy) {
        List<String> names = new ArrayList<>();
        for (IndexMetadata index : metadata) {
            if (policy.equals(index.getSettings().get(LifecycleSettings.LIFECYCLE_NAME))) {
                names.add(index.getIndex().getName());
            }
        }
        return names.stream().sorted().toList();
    }

    private void getPolicies(RestRequest request, NodeClient client, Reply out) {
        ClusterState state = cluster.state();
        Metadata metadata = state.metadata();
        String wanted = request.param("name");
        Map<String, LifecyclePolicyMetadata> found = new TreeMap<>();
        policies(state).getPolicyMetadatas().forEach((name, policy) -> {
            if (wanted == null || Regex.simpleMatch(Strings.splitStringByCommaToArray(wanted), name)) {
                found.put(name, policy);
            }
        });
        if (wanted != null && found.isEmpty() && Regex.isSimpleMatchPattern(wanted) == false) {
            throw new ResourceNotFoundException("Lifecycle policy not found: {}", wanted);
        }
        out.json(b -> {
            b.startObject();
            for (Map.Entry<String, LifecyclePolicyMetadata> e : found.entrySet()) {
                List<String> indices = indicesUsing(metadata, e.getKey());
                b.startObject(e.getKey());
                b.field("version", e.getValue().getVersion());
                b.field("modified_date", e.getValue().getModifiedDateString());
                b.field("policy", e.getValue().getPolicy());
                b.startObject("in_use_by");
                b.stringListField("indices", indices);
                b.stringListField("data_streams", metadata.dataStreams().values().stream()
                    .filter(ds -> ds.getIndices().stream().anyMatch(i -> indices.contains(i.getName())))
                    .map(DataStream::getName).sorted().toList());
                b.stringListField("composable_templates", metadata.templatesV2().keySet().stream()
                    .filter(t -> e.getKey().equals(
                        MetadataIndexTemplateService.resolveSettings(metadata, t).get(LifecycleSettings.LIFECYCLE_NAME)))
                    .sorted().toList());
                b.endObject().endObject();
            }
            return b.endObject();
        });
    }

    private void deletePolicy(RestRequest request, NodeClient client, Reply out) {
        String name = request.param("name");
        update("delete ilm policy " + name, out, state -> {
            List<String> users = indicesUsing(state.metadata(), name);
            if (users.isEmpty() == false) {
                throw new IllegalArgumentException("Cannot delete policy [" + name + "]. It is in use by one or more indices: " + users);
            }
            Map<String, LifecyclePolicyMetadata> next = new TreeMap<>(policies(state).getPolicyMetadatas());
            if (next.remove(name) == null) {
                throw new ResourceNotFoundException("Lifecycle policy not found: {}", name);
            }
            return withPolicies(state, next);
        });
    }

    // ---------------------------------------------------------------- machine learning

    private static void requireMlLicense() {
        if (MachineLearningField.ML_API_FEATURE.check(XPackPlugin.getSharedLicenseState()) == false) {
            throw LicenseUtils.newComplianceException("ml");
        }
    }

    private void putJob(RestRequest request, NodeClient client, Reply out) throws IOException {
        String id = request.param("job_id");
        IndicesOptions options = IndicesOptions.fromRequest(request, SearchRequest.DEFAULT_INDICES_OPTIONS);
        PutJobAction.Request put;
        try (XContentParser parser = request.contentParser()) {
            put = PutJobAction.Request.parseRequest(id, parser, options);
        }
        requireMlLicense();
        Job.Builder builder = put.getJobBuilder();
        builder.validateAnalysisLimitsAndSetDefaults(null);
        builder.validateModelSnapshotRetentionSettingsAndSetDefaults();
        builder.validateDetectorsAreUnique();
        DatafeedConfig.Builder feed = builder.getDatafeedConfig();
        Job job = builder.build(new Date());
        DatafeedConfig config = null;
        if (feed != null) {
            config = feed.setJobId(id).build();
            checkFeed(config, job);
        }
        if (jobs.putIfAbsent(id, job) != null) {
            throw ExceptionsHelper.jobAlreadyExists(id);
        }
        if (config != null) {
            feeds.put(config.getId(), config);
        }
        PutJobAction.Response response = new PutJobAction.Response(job);
        out.json(b -> response.toXContent(b, ToXContent.EMPTY_PARAMS));
    }

    private void validateJob(RestRequest request, NodeClient client, Reply out) throws IOException {
        try (XContentParser parser = request.contentParser()) {
            ValidateJobConfigAction.Request.parseRequest(parser);
        }
        out.json(b -> b.startObject().field("acknowledged", true).endObject());
    }

    private void getJobs(RestRequest request, NodeClient client, Reply out) {
        String id = request.param("job_id");
        request.param("allow_no_match");
        request.param("exclude_generated");
        List<Job> found = jobs.values().stream().filter(
            j -> any(id) || Regex.simpleMatch(id.split(","), j.getId()) || j.getGroups().stream().anyMatch(g -> Regex.simpleMatch(id, g))
        ).toList();
        if (found.isEmpty() && any(id) == false && Regex.isSimpleMatchPattern(id) == false) {
            throw ExceptionsHelper.missingJobException(id);
        }
        out.json(b -> list(b, "jobs", found));
    }

    private void deleteJob(RestRequest request, NodeClient client, Reply out) {
        String id = request.param("job_id");
        boolean force = request.paramAsBoolean("force", false);
        List<String> users = feeds.values().stream().filter(f -> f.getJobId().equals(id)).map(DatafeedConfig::getId).toList();
        if (jobs.containsKey(id) == false) {
            throw ExceptionsHelper.missingJobException(id);
        }
        if (users.isEmpty() == false && force == false) {
            throw ExceptionsHelper.conflictStatusException(
                "Cannot delete job [{}] because datafeed [{}] refers to it", id, String.join(",", users));
        }
        users.forEach(feeds::remove);
        jobs.remove(id);
        out.json(b -> b.startObject().field("acknowledged", true).endObject());
    }

    private void checkFeed(DatafeedConfig config, Job job) {
        DatafeedJobValidator.validate(config, job, registry);
        config.getParsedQuery(registry);
        config.getParsedAggregations(registry);
        for (DatafeedConfig other : feeds.values()) {
            if (other.getJobId().equals(config.getJobId()) && other.getId().equals(config.getId()) == false) {
                throw ExceptionsHelper.conflictStatusException(
                    "A datafeed [{}] already exists for job [{}]", other.getId(), config.getJobId());
            }
        }
    }

    private void putFeed(RestRequest request, NodeClient client, Reply out) throws IOException {
        String id = request.param("datafeed_id");
        IndicesOptions options = IndicesOptions.fromRequest(request, SearchRequest.DEFAULT_INDICES_OPTIONS);
        DatafeedConfig config;
        try (XContentParser parser = request.contentParser()) {
            config = PutDatafeedAction.Request.parseRequest(id, options, parser).getDatafeed();
        }
        requireMlLicense();
        Job job = jobs.get(config.getJobId());
        if (job == null) {
            throw ExceptionsHelper.missingJobException(config.getJobId());
        }
        checkFeed(config, job);
        if (feeds.putIfAbsent(id, config) != null) {
            throw ExceptionsHelper.datafeedAlreadyExists(id);
        }
        out.json(b -> config.toXContent(b, ToXContent.EMPTY_PARAMS));
    }

    private void getFeeds(RestRequest request, NodeClient client, Reply out) {
        String id = request.param("datafeed_id");
        request.param("allow_no_match");
        request.param("exclude_generated");
        List<DatafeedConfig> found = feeds.values().stream()
            .filter(f -> any(id) || Regex.simpleMatch(id.split(","), f.getId())).toList();
        if (found.isEmpty() && any(id) == false && Regex.isSimpleMatchPattern(id) == false) {
            throw ExceptionsHelper.missingDatafeedException(id);
        }
        out.json(b -> list(b, "datafeeds", found));
    }

    private void deleteFeed(RestRequest request, NodeClient client, Reply out) {
        String id = request.param("datafeed_id");
        request.param("force");
        if (feeds.remove(id) == null) {
            throw ExceptionsHelper.missingDatafeedException(id);
        }
        out.json(b -> b.startObject().field("acknowledged", true).endObject());
    }

    private static boolean any(String expression) {
        return expression == null || "_all".equals(expression) || "*".equals(expression);
    }

    private static XContentBuilder list(XContentBuilder b, String key, List<? extends ToXContent> items) throws IOException {
        b.startObject().field("count", items.size()).startArray(key);
        for (ToXContent item : items) {
            item.toXContent(b, ToXContent.EMPTY_PARAMS);
        }
        return b.endArray().endObject();
    }

    // ---------------------------------------------------------------- plumbing

    private interface Change {
        ClusterState apply(ClusterState state) throws Exception;
    }

    private interface Body {
        XContentBuilder write(XContentBuilder builder) throws IOException;
    }

    private interface Work {
        void run(RestRequest request, NodeClient client, Reply out) throws Exception;
    }

    /** Run a change on the master thread and answer "acknowledged" when it is applied. */
    private void update(String source, Reply out, Change change) {
        cluster.submitUnbatchedStateUpdateTask(source, new ClusterStateUpdateTask() {
            @Override
            public ClusterState execute(ClusterState state) throws Exception {
                return change.apply(state);
            }

            @Override
            public void clusterStateProcessed(ClusterState before, ClusterState after) {
                out.json(b -> b.startObject().field("acknowledged", true).endObject());
            }

            @Override
            public void onFailure(Exception e) {
                out.fail(e);
            }
        });
    }

    /** Answers one REST request. */
    private static final class Reply {
        private final RestChannel channel;
        private final String area;

        Reply(RestChannel channel, String area) {
            this.channel = channel;
            this.area = area;
        }

        void json(Body body) {
            try {
                RestResponse response = new RestResponse(RestStatus.OK, body.write(channel.newBuilder()));
                response.addHeader("X-Stand-In", area);
                channel.sendResponse(response);
            } catch (Exception e) {
                fail(e);
            }
        }

        void fail(Exception cause) {
            try {
                RestResponse response = new RestResponse(channel, cause);
                response.addHeader("X-Stand-In", area);
                channel.sendResponse(response);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }

        <T> ActionListener<T> acknowledged() {
            return ActionListener.wrap(r -> json(b -> b.startObject().field("acknowledged", true).endObject()), this::fail);
        }
    }

    /** One REST handler for a few "METHOD /path" routes. */
    private static final class Endpoint extends BaseRestHandler {
        private final String area;
        private final Work work;
        private final List<Route> routes;

        Endpoint(String area, Work work, String... routes) {
            this.area = area;
            this.work = work;
            this.routes = Arrays.stream(routes).map(r -> r.split(" ")).map(
                r -> new Route(RestRequest.Method.valueOf(r[0]), r[1])).toList();
        }

        @Override
        public String getName() {
            return "standin_" + area + "_" + routes.get(0).getMethod() + routes.get(0).getPath().replaceAll("[^a-z]+", "_");
        }

        @Override
        public List<Route> routes() {
            return routes;
        }

        @Override
        protected RestChannelConsumer prepareRequest(RestRequest request, NodeClient client) throws IOException {
            // Read every parameter now: BaseRestHandler rejects a request with one left unread.
            for (String name : List.of("name", "job_id", "datafeed_id", "master_timeout", "timeout", "expand_wildcards",
                "allow_no_match", "exclude_generated", "force", "ignore_unavailable", "allow_no_indices", "ignore_throttled",
                "wait_for_completion", "delete_user_annotations")) {
                request.param(name);
            }
            if (request.hasContent()) {
                request.content();
            }
            return channel -> {
                Reply reply = new Reply(channel, area);
                try {
                    work.run(request, client, reply);
                } catch (Exception e) {
                    reply.fail(e);
                }
            };
        }
    }
}
