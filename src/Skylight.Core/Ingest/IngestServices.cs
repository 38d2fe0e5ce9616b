using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;
using Skylight.Archive.Keys;
using Skylight.Archive.Objects;
using Skylight.Core.Events;
using Skylight.Core.Patients;
using Skylight.Core.Quarantine;
using Skylight.Core.Studies;

namespace Skylight.Core.Ingest;

public static class IngestServices
{
    /// <summary>
    /// Registers ingest, studies, patients, intake and the outbox. The host adds <c>IObjectStore</c>, the keys, <c>IDocuments</c>, <c>ICatalog</c>,
    /// <c>ICommit</c> and <c>IEventPublisher</c>.
    /// </summary>
    public static IServiceCollection AddIngest(this IServiceCollection services)
    {
        services.AddOptionsWithValidateOnStart<IngestOptions>().BindConfiguration(IngestOptions.Section);
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<IngestOptions>, IngestOptionsValidator>());
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton(provider => new StudyParts(provider.GetRequiredService<IObjectStore>(), provider.GetRequiredService<StudyKeys>()));
        services.AddSingleton<RetiredObjects>();
        services.AddSingleton<SeriesMerge>();
        services.AddSingleton<PatientDirectory>();
        services.AddSingleton<IntakeItems>();
        services.AddSingleton<IngestMetrics>();
        services.AddSingleton<IngestService>();
        services.AddSingleton<IntakeService>();
        services.AddSingleton<UploadIngest>();
        services.AddSingleton<StudyClock>();
        services.AddSingleton<StudyOutbox>();
        return services;
    }
}
