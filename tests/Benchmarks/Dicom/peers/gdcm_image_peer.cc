// GDCM's decoding: gdcm_image_peer FILE COUNT reads the file once and takes the pixels out of it COUNT times. Prints "seconds cpu-seconds frames pixels".
#include <gdcmImageReader.h>
#include <gdcmImage.h>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <vector>

int main(int argc, char **argv)
{
    if (argc != 3) return 2;
    gdcm::ImageReader reader;
    reader.SetFileName(argv[1]);
    if (!reader.Read()) return 1;
    const gdcm::Image &image = reader.GetImage();
    std::vector<char> out(image.GetBufferLength());
    int count = atoi(argv[2]);
    auto start = std::chrono::steady_clock::now();
    clock_t cpu = clock();
    for (int i = 0; i < count; i++)
        if (!image.GetBuffer(out.data())) return 1;
    printf("%.6f %.6f %d %lld\n", std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(), (double)(clock() - cpu) / CLOCKS_PER_SEC, count,
        (long long)count * image.GetDimension(0) * image.GetDimension(1));
    return 0;
}
