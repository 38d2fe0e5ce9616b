// DCMTK's pixels, in process: image_peer decode FILE COUNT decodes the file's pixel data COUNT times (each time from the parsed file in memory, parsing not
// counted); image_peer render FILE COUNT makes COUNT JPEG pictures of 512 pixels of it as dcmj2pnm does (opening the file is counted).
// Prints "seconds cpu-seconds frames pixels".
#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dctk.h>
#include <dcmtk/dcmdata/dcrledrg.h>
#include <dcmtk/dcmimage/diregist.h>
#include <dcmtk/dcmimgle/dcmimage.h>
#include <dcmtk/dcmjpeg/djdecode.h>
#include <dcmtk/dcmjpeg/dipijpeg.h>
#include <dcmtk/dcmjpls/djdecode.h>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

static double now()
{
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

int main(int argc, char **argv)
{
    if (argc != 4) return 2;
    OFLog::configure(OFLogger::OFF_LOG_LEVEL);
    DcmRLEDecoderRegistration::registerCodecs();
    DJDecoderRegistration::registerCodecs();
    DJLSDecoderRegistration::registerCodecs();
    int count = atoi(argv[3]);
    double seconds = 0, cpu = 0;
    long long pixels = 0;
    for (int i = 0; i < count; i++)
    {
        if (!strcmp(argv[1], "decode"))
        {
            DcmFileFormat file;
            if (file.loadFile(argv[2]).bad() || file.loadAllDataIntoMemory().bad()) return 1;
            Uint16 rows = 0, columns = 0;
            file.getDataset()->findAndGetUint16(DCM_Rows, rows);
            file.getDataset()->findAndGetUint16(DCM_Columns, columns);
            double start = now();
            clock_t ticks = clock();
            if (file.getDataset()->chooseRepresentation(EXS_LittleEndianExplicit, nullptr).bad()) return 1;
            seconds += now() - start;
            cpu += (double)(clock() - ticks) / CLOCKS_PER_SEC;
            pixels += (long long)rows * columns;
            continue;
        }

        double start = now();
        clock_t ticks = clock();
        DicomImage image(argv[2]);
        if (image.getStatus() != EIS_Normal) return 1;
        if (image.getWindowCount() > 0) image.setWindow(0);
        else image.setMinMaxWindow();
        unsigned long width = image.getWidth(), height = image.getHeight();
        DicomImage *small = width >= height ? image.createScaledImage(512UL, 0UL, 1, 1) : image.createScaledImage(0UL, 512UL, 1, 1);
        if (!small) return 1;
        DiJPEGPlugin plugin;
        plugin.setQuality(85);
        FILE *to = tmpfile();
        if (!to || !small->writePluginFormat(&plugin, to)) return 1;
        fclose(to);
        delete small;
        seconds += now() - start;
        cpu += (double)(clock() - ticks) / CLOCKS_PER_SEC;
        pixels += (long long)width * height;
    }

    printf("%.6f %.6f %d %lld\n", seconds, cpu, count, pixels);
    return 0;
}
