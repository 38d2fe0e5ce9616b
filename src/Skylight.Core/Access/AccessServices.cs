using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Skylight.Core.Audit;
using Skylight.Core.Patients;

namespace Skylight.Core.Access;

public static class AccessServices
{
    /// <summary>Decisions, relations and the frame-read window. Needs <c>IDocuments</c>, <c>IAuditLog</c> and <c>ICatalog</c>.</summary>
    public static IServiceCollection AddAccess(this IServiceCollection services)
    {
        services.TryAddSingleton(TimeProvider.System);
        services.TryAddSingleton<PatientDirectory>();
        services.TryAddSingleton<IStudySubjects, CatalogSubjects>();
        services.AddSingleton<SubjectKeys>();
        services.AddSingleton<AuditRecorder>();
        services.AddSingleton<RelationRecords>();
        services.AddSingleton<FrameSessions>();
        services.AddSingleton<AccessService>();
        return services;
    }
}
